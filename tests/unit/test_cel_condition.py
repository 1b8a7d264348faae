"""Conditions over events: what a rule author writes, and what it says of an event."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.event import Event
from rules.cel.names import Environment
from rules.cel.program import compile_program
from rules.condition import ConditionError, Reason, Verdict, compile_condition

VISIT = {"page": "competitor-compare", "dwell_s": 181}


def event(data: dict[str, Any] | None = None, **attributes: Any) -> Event:
    defaults = {
        "specversion": "1.0",
        "id": "e1",
        "source": "//web",
        "type": "page.viewed",
        "time": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "subject": "acme",
    }
    return Event(**{**defaults, **attributes}, data=VISIT if data is None else data)


@pytest.mark.parametrize(
    "text",
    [
        'data.page == "competitor-compare" && data.dwell_s > 180',
        'data["page"].startsWith("competitor") || data.missing',
        'has(data.page) && !has(data.missing) && "dwell_s" in data',
        'data.page in ["price", "competitor-compare"]',
        'type == "page.viewed" && id == "e1" && source == "//web"',
        'subject == "acme" && account == subject',
        'time > timestamp("2026-03-02T09:00:00Z") && time.getHours("Asia/Shanghai") == 17',
        'time - timestamp("2026-03-02T09:00:00Z") == duration("30m")',
        'data.exists(name, data[name] == 181)',
    ],
)  # fmt: skip
def test_what_holds_for_the_visit(text: str) -> None:
    condition = compile_condition(text)
    assert condition(event()) is True
    assert condition.verdict(event()) == Verdict(Reason.MATCHED)


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("data.dwell_s > 181", Reason.NOT_MATCHED, ""),
        ("data.dwell_s == true", Reason.NOT_MATCHED, ""),
        ("data.dwell > 180", Reason.ERROR, "no such key: data.dwell"),
        ('data["dwell"] > 180', Reason.ERROR, 'no such key: "dwell"'),
        ("data.page > 180", Reason.ERROR, "no such overload: string > int"),
        ("data.dwell_s + 0.5 > 1.0", Reason.ERROR, "no such overload: int + double"),
        ("data.dwell_s / 0 > 1", Reason.ERROR, "divided by zero"),
        ("data.dwell_s", Reason.NOT_BOOL, "the value is of type int"),
        ('data.page.matches("compare$") && data.dwell_s', Reason.ERROR, None),
        ('provenance == "typed"', Reason.ERROR, None),
        ('actor.kind == "customer"', Reason.ERROR, "no such key: actor.kind"),
        ("has(actor.kind)", Reason.NOT_MATCHED, ""),
    ],
)
def test_what_does_not_and_why(text: str, reason: Reason, detail: str | None) -> None:
    condition = compile_condition(text)
    verdict = condition.verdict(event())
    assert condition(event()) is False
    assert verdict.reason == reason
    assert detail is None or verdict.detail == detail


def test_the_extensions_are_there_when_the_event_carries_them() -> None:
    condition = compile_condition('actor.kind == "customer" && provenance == "captured"')
    assert condition(event(actorkind="customer", provenance="captured"))
    assert not condition(event(actorkind="rep", provenance="captured"))


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('data.page == "a" && data.dwell_s > 180', {"data.page", "data.dwell_s"}),
        ("has(data.order.id)", {"data.order.id"}),
        ('data["order"]["id"] == 1', {"data.order.id"}),
        ("data.lines[0].price > data.limit", {"data.lines", "data.limit"}),
        ("data.lines.exists(line, line.price > data.limit)", {"data.lines", "data.limit"}),
        ("data.lines.exists(data, data.price > 1)", {"data.lines"}),
        ('actor.kind == "rep" && time > timestamp(0)', {"actor.kind", "time"}),
        ("size(data) > 1", {"data"}),
        ("data[type] == 1", {"data", "type"}),
        ("true", set()),
    ],
)
def test_the_paths_that_it_reads(text: str, paths: set[str]) -> None:
    assert compile_condition(text).paths == paths


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("dwell_s > 180", 0, "data.dwell_s"),
        ("data.x == 1 && tipe == 'a'", 15, "did you mean type?"),
        ("data.x.lenght() > 1", 7, "lenght() is not known"),
        ("data.page.startWith('a')", 10, "did you mean startsWith?"),
        ("length(data.page) > 1", 0, "length() is not known"),
        ("startsWith(data.page, 'a')", 0, "x.startsWith(…)"),
        ("data.page.has('a')", 10, "write has(x)"),
        ("data.page.startsWith()", 10, "takes 1 argument, not 0"),
        ("size == 1", 0, "size is a function"),
        ("time - timestamp('2026-03-02') > duration('1h')", 7, "2026-03-02T09:00:00Z"),
        ("time.getHours('Mars/Base') > 1", 14, "no time zone"),
        ("duration('2 days') < duration('1h')", 0, "no days"),
        ("data.page.matches('(')", 18, "RE2"),
        ("data.page == 'a' || 1 / 0 > 1", 22, "divided by zero"),
        ("180", 0, "this is int"),
        ("[1].map(x, x)", 0, "this is list"),
    ],
)
def test_a_mistake_of_the_author_is_told_at_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)
    assert caught.value.position == position
    assert words in caught.value.message


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, -(2**63), 2**63, 2**64, 10**400])
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("k"), inner),
    max_leaves=3,
)
CONSTANTS = ("1", "-1", "0", "1.0", "0.5", '"a"', '""', "true", "null", "1u", "[1]", "9.0e15")
CONSTANTS += ("9007199254740991", "9007199254740992", "9007199254740993", "9223372036854775807")


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.just("x"), JSON),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in"]),
    st.sampled_from(CONSTANTS),
)
@example({"x": True}, "==", "1")
@example({"x": 2**53 + 1}, ">", "9007199254740992.0")
@example({"x": 1.0}, "==", "1")
def test_the_fast_comparison_says_what_the_general_one_says(
    data: dict[str, Any], operator: str, constant: str
) -> None:
    text = f"data.x {operator} {constant}"
    general = compile_program(text, Environment({"data": lambda event: event.data}))
    fast = compile_condition(f"({text}) || false")
    expected = general.run(event(data), [])
    assert fast(event(data)) is (expected is True)
    assert compile_condition(text).verdict(event(data)).detail == getattr(expected, "text", "")


SEARCHING = [
    compile_condition(text)
    for text in (
        "data.x == data.y",
        "data.x in data.y || data.y[data.x] == 1",
        "data.x + data.y == data.x",
        "double(data.x) < double(data.y) || string(data.x) == data.y",
        "data.x.exists(i, i == data.y) && data.y.all(i, i > 0)",
        "int(data.x) > 0 || size(data.y) > 0 || -data.x < 1",
    )
]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["x", "y"]), JSON))
def test_no_data_makes_a_condition_raise(data: dict[str, Any]) -> None:
    for condition in SEARCHING:
        matched = condition.verdict(event(data)).reason is Reason.MATCHED
        assert condition(event(data)) is matched


def examples(kind: str) -> list[str]:
    text = (Path(__file__).parents[2] / "docs" / "cel.md").read_text()
    blocks = re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("text", examples("cel"))
def test_the_examples_of_the_page_are_conditions(text: str) -> None:
    assert compile_condition(text).paths


@pytest.mark.parametrize("text", examples("cel-refused"))
def test_what_the_page_calls_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(text)
