"""Stories of an account's momentum."""

from __future__ import annotations

from typing import Any

import pytest

from models.account import Limits
from models.score import Score, decode_score, encode_score
from rules.grammar import Weight
from rules.momentum import GRAIN_MS, Term, first_move
from rules.snapshot import encode_account
from tests.story import Story, rule_set

SEEN: dict[str, Any] = {
    "id": "seen",
    "kind": "signal",
    "on": {"type": "page.viewed"},
    "weight": {"value": 0.8, "half_life": "24h"},
}
REPLY: dict[str, Any] = {
    "id": "reply",
    "kind": "sla",
    "start": {"type": "question.asked"},
    "stop": {"type": "question.answered"},
    "goal": {"within": "2h"},
    "weight": {"value": -0.5},
}


def story(*rules: dict[str, Any], step: float = 0.1) -> Story:
    return Story(rule_set(*rules), limits=Limits(momentum_step=step))


def scored(s: Story) -> list[tuple[float, float]]:
    """(hours after the start, value) since the last call."""
    start = s.outputs[0].alert.occurred_at
    scores = s.partition.take_scores()
    hours = [(score.occurred_at - start).total_seconds() / 3_600 for score in scores]
    return [(hour, round(score.value, 3)) for hour, score in zip(hours, scores, strict=True)]


def test_a_hit_moves_it_up_and_time_down() -> None:
    s = story(SEEN, step=0.3).event("0h", "page.viewed").tick("100h")
    assert scored(s) == [(0, 0.8), (17, 0.49), (50, 0.189)]


def test_less_than_the_step_is_not_told() -> None:
    small = {**SEEN, "weight": {"value": 0.06, "half_life": "24h"}}
    s = story(small).event("0h", "page.viewed")
    assert scored(s) == []
    assert scored(s.event("0h", "page.viewed")) == [(0, 0.12)]


def test_what_is_taken_back_leaves() -> None:
    s = story(REPLY).event("0h", "question.asked").tick("3h").event("1h", "question.answered")
    assert [value for _, value in scored(s)] == [-0.5, 0]


def test_a_warning_and_a_rule_in_shadow_weigh_nothing() -> None:
    warned = {**REPLY, "warn_at": [0.5], "status": "active"}
    s = story(warned, {**SEEN, "status": "shadow"}).event("0h", "question.asked")
    s.event("1h", "page.viewed").tick("90m")
    assert scored(s) == []


def test_an_alert_that_is_held_back_weighs_all_the_same() -> None:
    s = story({**SEEN, "alert": {"cooldown": "4h"}})
    s.event("0h", "page.viewed").event("0h", "page.viewed")
    assert len(s.outputs) == 1
    assert [value for _, value in scored(s)] == [0.8, 1.6]


def test_a_composite_weighs_beside_its_members() -> None:
    made = {"id": "made", "kind": "composite", "of": [{"rule": "seen"}], "within": "1h"}
    made |= {"when": {"at_least": 1}, "weight": {"value": 1.0}}
    s = story(SEEN, made).event("0h", "page.viewed")
    (score,) = s.partition.take_scores()
    assert [(reason.rule, reason.amount) for reason in score.reasons] == [
        ("made", 1.0),
        ("seen", 0.8),
    ]
    assert score.value == 1.8


def test_stages_are_figures_of_their_own() -> None:
    weight = {"value": 0.01, "stage_equivalence": {"stage": "quote", "ratio": 0.7}}
    s = story({**SEEN, "weight": weight}).event("0h", "page.viewed")
    (score,) = s.partition.take_scores()
    assert (score.value, score.stages) == (0.01, {"quote": 0.7})


def test_accounts_are_told_apart() -> None:
    s = story(SEEN).event("0h", "page.viewed").event("0h", "page.viewed", account="other")
    assert [score.value for score in s.partition.take_scores()] == [0.8, 0.8]


def test_it_survives_a_checkpoint() -> None:
    s, fresh = story(SEEN, step=0.3).event("0h", "page.viewed"), story(SEEN, step=0.3)
    s.partition.take_scores()
    blobs = [(account.id, encode_account(account)) for account in s.partition.accounts.values()]
    fresh.partition.restore(blobs, s.partition.header())
    assert fresh.partition.next_deadline() == s.partition.next_deadline()
    fresh.tick("17h")
    s.tick("17h")
    scores = fresh.partition.take_scores()
    assert len(scores) == 1
    assert scores == s.partition.take_scores()


def test_it_goes_on_under_another_rule_set() -> None:
    s = story(SEEN).event("0h", "page.viewed")
    s.partition.take_scores()
    s.partition.activate(rule_set({**SEEN, "weight": {"value": 0.3}}))
    s.event("0h", "page.viewed")
    (score,) = s.partition.take_scores()
    assert score.value == 0.6  # two of the new weight


def test_it_is_bounded_and_forgotten_when_nothing_is_left() -> None:
    s = story(SEEN)
    for second in range(70):
        s.event(f"{second}s", "page.viewed")
    assert s.partition.stats["evicted:weight"] == 6
    s.tick("2000h")
    for minute in range(32):
        s.event(f"{120_000 + minute}m", "mail.opened")
    assert ":momentum" not in s.partition.accounts["acme"].cases


def test_a_score_is_read_back_as_it_was_written() -> None:
    s = story(SEEN).event("0h", "page.viewed")
    (score,) = s.partition.take_scores()
    assert isinstance(score, Score)
    assert decode_score(encode_score(score)) == score


@pytest.mark.parametrize("said", [0.0, 0.6, 1.1])
def test_the_first_hour_is_found_among_terms_of_both_signs(said: float) -> None:
    """The sum rises, since the negative term fades faster, and falls later."""
    terms = [Term(0, 2.0, 40 * GRAIN_MS), Term(0, -1.4, 3 * GRAIN_MS), Term(0, 0.05, 0)]
    sums = [sum(term.left(hour * GRAIN_MS) for term in terms) for hour in range(3_000)]
    for now in (0, 1, 7, 30, 200):
        expected = next((h for h in range(now + 1, 3_000) if abs(sums[h] - said) > 0.3), None)
        found = first_move(terms, said, 0.3, now * GRAIN_MS)
        assert (found and found // GRAIN_MS) == expected


@pytest.mark.parametrize("weight", [{"value": 1, "half_life": "0s"}, {"value": float("nan")}])
def test_a_weight_that_cannot_be_counted_is_refused(weight: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"half_life|finite"):
        Weight.model_validate(weight)
