"""Stories of `score` rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.errors import BadRule
from rules.loader import parse
from rules.snapshot import decode_account, encode_account
from tests.story import COMMON, TESTS, Story, rule_set

LOW: dict[str, Any] = {"kind": "score", "task": "renewal", "when": {"value": "<= 0.2"}}
FALLS: dict[str, Any] = {**LOW, "when": {"drop": ">= 0.3 within 32h"}}


def story(rule: dict[str, Any], *scores: tuple[int, Any]) -> Story:
    s = Story(rule_set(rule))
    for hour, value in scores:
        s.event(f"{hour}h", "score.published", task="renewal", value=value)
    return s


def test_it_fires_when_the_line_is_crossed_and_resolves_on_the_way_back() -> None:
    s = story(LOW, (0, 0.21), (1, 0.2), (2, 0.1), (3, 0.3), (4, 0.1))
    assert s.told == [
        ("firing", "match", "1:00:00"),
        ("resolved", "over", "3:00:00"),
        ("firing", "match", "4:00:00"),
    ]
    assert [output.alert.score for output in s.outputs] == [0.2, 0.3, 0.1]


def test_another_task_and_a_withheld_score_are_not_read() -> None:
    s = story(LOW, (0, None), (1, "0.1"), (2, True))
    assert s.event("3h", "score.published", task="churn", value=0.1).told == []
    assert s.partition.accounts["acme"].cases == {}


def test_a_score_that_comes_late_is_no_news() -> None:
    assert story(LOW, (5, 0.5), (4, 0.1)).told == []


@pytest.mark.parametrize(("hour", "fires"), [(31, True), (32, False)])
def test_a_drop_counts_within_its_time_half_open(hour: int, fires: bool) -> None:
    assert bool(story(FALLS, (0, 0.75), (hour, 0.25)).told) is fires


def test_the_highest_counts_not_the_last() -> None:
    s = story(FALLS, (0, 0.75), (1, 0.5), (2, 0.45))
    assert s.told == [("firing", "match", "2:00:00")]


def test_value_and_drop_must_both_be_met() -> None:
    both = {**LOW, "when": {"value": "< 0.5", "drop": ">= 0.25 within 7d"}}
    assert story(both, (0, 1.0), (1, 0.6)).told == []
    assert story(both, (0, 1.0), (1, 0.4)).told != []
    assert story(both, (0, 0.4), (1, 0.3)).told == []


def test_its_state_is_bounded_and_survives_a_checkpoint() -> None:
    s = Story(rule_set(FALLS))
    for minute in range(0, 70 * 60, 7):
        s.event(f"{minute}m", "score.published", task="renewal", value=0.5)
    account = s.partition.accounts["acme"]
    (case,) = account.cases["rule-0"].values()
    assert len(case.peaks) <= 33
    assert decode_account(encode_account(account)) == account


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({}, "`when` needs `value` or `drop`, or both"),
        ({"value": "0.2"}, "write a comparison with a number"),
        ({"drop": ">= 0.3"}, "write a threshold and a minute or more"),
        ({"drop": ">= 0.3 within 2bd"}, "write a threshold and a minute or more"),
        ({"drop": ">= 0.3 within 7"}, "7"),
        ({"drop": "much within 7d"}, "write a comparison with a number"),
    ],
)
def test_a_threshold_that_says_nothing_is_a_fault(when: dict[str, Any], message: str) -> None:
    rule = {"id": "a.rule", **COMMON, "tests": TESTS, **LOW, "when": when}
    content = json.dumps({"v": 1, "rules": [rule], "calendars": []})
    with pytest.raises(BadRule) as refused:
        parse(content.encode())
    assert message in str(refused.value)
