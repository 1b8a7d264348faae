"""A sweep sets fields of rules anew, and the one grammar judges what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from models.errors import BadRule, BadSetting
from rules.loader import parse
from streams.backtest.sweep import parse_axis, points
from tests.story import content_of

BOOK = parse(
    content_of(
        {
            "id": "legal.reply",
            "kind": "sla",
            "start": {"type": "contract.revised"},
            "stop": {"type": "legal.replied"},
            "goal": {"within": "2h"},
        },
        {
            "id": "legal",
            "kind": "sequence",
            "steps": [
                {"as": "compare", "type": "page.compared"},
                {"type": "paper.read", "gap": {"max": "1h"}},
            ],
            "within": "1d",
        },
    )
)


def rule(book: Any, id: str) -> Any:
    return next(form for form in book.rules if form.id == id)


def test_every_value_of_one_field_meets_every_value_of_the_other() -> None:
    axes = [
        parse_axis("rules.legal.reply.goal.within=1h,4h", BOOK),
        parse_axis("rules.legal.within=1d,2d,3d", BOOK),
    ]
    found = list(points(BOOK, axes))
    assert len(found) == 6
    assert found[0].values == {"legal.reply.goal.within": "1h", "legal.within": "1d"}
    assert len({point.book.digest for point in found}) == 6
    assert rule(found[-1].book, "legal.reply").goal.within.amount == 4 * 3_600_000
    assert rule(found[-1].book, "legal").within.amount == 3 * 86_400_000


def test_the_rule_with_the_longest_id_is_meant() -> None:
    assert parse_axis("rules.legal.reply.goal.within=1h", BOOK).rule == "legal.reply"


def test_steps_are_named_as_in_an_overlay() -> None:
    [point] = points(BOOK, [parse_axis("rules.legal.steps.step_2.gap.max=5h", BOOK)])
    assert rule(point.book, "legal").steps[1].gap.max.amount == 5 * 3_600_000


def test_a_field_that_the_rule_does_not_have_yet_can_be_swept() -> None:
    [point] = points(BOOK, [parse_axis("rules.legal.weight.value=0.5", BOOK)])
    assert rule(point.book, "legal").weight.value == 0.5


def test_a_value_that_makes_no_rule_is_told_by_the_grammar() -> None:
    with pytest.raises(BadRule, match=r"rule legal:1:1: within: .*'soon'"):
        list(points(BOOK, [parse_axis("rules.legal.within=soon", BOOK)]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules.legal.within", "a sweep is written rules.ID.field=a,b,c"),
        ("legal.within=1d", "a sweep is written rules.ID.field=a,b,c"),
        ("rules.legl.within=1d", "no rule is called so"),
        ("rules.legal.within=", "'' is no value"),
        ("rules.legal.within=[1d", "is no value"),
    ],
)
def test_what_is_no_sweep_is_told(text: str, told: str) -> None:
    with pytest.raises(BadSetting) as caught:
        parse_axis(text, BOOK)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules.legal.steps.comparee.type=a.b", "did you mean 'compare'?"),
        ("rules.legal.within.max.of=1d", "nothing is called 'max' here; there is nothing below it"),
        ("rules.legal.within.max=1d", "nothing can be set at 'max'"),
    ],
)
def test_a_place_that_is_not_there_is_told(text: str, told: str) -> None:
    with pytest.raises(BadSetting) as caught:
        list(points(BOOK, [parse_axis(text, BOOK)]))
    assert told in str(caught.value)


def test_a_grid_that_would_never_end_is_refused() -> None:
    many = ",".join(f"{n}h" for n in range(1, 12))
    axes = [parse_axis(f"rules.{field}={many}", BOOK)
            for field in ("legal.within", "legal.reply.goal.within")]  # fmt: skip
    with pytest.raises(BadSetting, match="121 runs, at most 100"):
        list(points(BOOK, axes))
