"""`rules.diff`: what tells two rule sets apart, and what becomes of the cases that are open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.alert import State
from rules.diff import Cases, Difference, FieldChange, diff
from rules.loader import RuleBook, parse
from rules.ruleset import compile_rules
from tests.story import COMMON, OFFICE, TESTS, Story

SLA = {
    "kind": "sla",
    "start": {"type": "ticket.opened"},
    "stop": {"type": "ticket.answered"},
    "goal": {"within": "2h"},
    "warn_at": [0.5],
}


def book(calendar: dict[str, Any] | None = None, **rules: dict[str, Any]) -> RuleBook:
    full = [{**COMMON, "tests": TESTS, "id": id, **rule} for id, rule in rules.items()]
    calendars = [calendar] if calendar else []
    return parse(json.dumps({"v": 1, "rules": full, "calendars": calendars}).encode())


def test_equal_sets_have_no_differences() -> None:
    assert diff(book(a=SLA), book(a=SLA)) == []


def test_rules_come_and_go() -> None:
    draft = {**SLA, "status": "draft"}
    assert diff(book(a=SLA, b=draft), book(c=SLA, d=draft)) == [
        Difference("rule", "a", "removed", "expire"),
        Difference("rule", "b", "removed", "none"),
        Difference("rule", "c", "added", "begin"),
        Difference("rule", "d", "added", "none"),
    ]


def test_a_changed_rule_tells_its_fields() -> None:
    new = {**SLA, "goal": {"within": "3h"}, "owner": "desk", "warn_at": [0.5, 0.8]}
    (difference,) = diff(book(a=SLA), book(a=new))
    assert difference.fields == (
        FieldChange("goal.within", "2h", "3h"),
        FieldChange("warn_at", [0.5], [0.5, 0.8]),
        FieldChange("owner", None, "desk"),
    )


def test_a_changed_calendar_tells_its_fields() -> None:
    later = {**OFFICE, "years": {**OFFICE["years"], "2027": {}}}
    (difference,) = diff(book(OFFICE), book(later))
    assert (difference.what, difference.name, difference.cases) == ("calendar", "office", "go on")
    assert [field.path for field in difference.fields] == ["years.2027"]


@pytest.mark.parametrize(
    ("changes", "cases"),
    [
        ({"goal": {"within": "3h"}}, "expire"),
        ({"title": "another"}, "expire"),
        ({"status": "draft"}, "expire"),
        ({"tests": [*TESTS, {**TESTS[1], "name": "one more"}]}, "go on"),
    ],
)
def test_what_is_said_of_open_cases_is_what_activation_does(
    changes: dict[str, Any], cases: Cases
) -> None:
    old, new = book(a=SLA), book(a={**SLA, **changes})
    (difference,) = diff(old, new)
    assert difference.cases == cases
    story = Story(compile_rules(old)).event("0h", "ticket.opened").tick("1h")
    told = story.partition.activate(compile_rules(new))
    assert [output.alert.state for output in told] == [State.EXPIRED] * (cases == "expire")
