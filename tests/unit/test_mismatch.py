"""Stories of `mismatch` rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.account import Limits
from models.errors import BadRule
from rules.loader import parse
from rules.snapshot import decode_account, encode_account
from tests.story import COMMON, TESTS, Story, rule_set

BASE: dict[str, Any] = {
    "kind": "mismatch",
    "left": {"type": "promise.made", "value": "data.days"},
    "right": {"type": "delivery.scheduled", "value": "data.days"},
    "join": ["data.order"],
    "when": "right > left * 1.2",
}
FIRES, ENDS = ("firing", "match"), ("resolved", "over")


def story(**fields: Any) -> Story:
    return Story(rule_set({**BASE, **fields}))


def said(s: Story) -> list[tuple[str, str]]:
    return [told[:2] for told in s.told]


def test_promised_30_days_scheduled_72() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    s.event("1h", "delivery.scheduled", order=1, days=72)
    assert s.told == [("firing", "match", "1:00:00")]
    alert = s.outputs[0].alert
    assert [e.type for e in alert.evidence] == ["promise.made", "delivery.scheduled"]
    assert alert.key == {"data.order": 1}


def test_it_fires_once_and_resolves_when_they_agree() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    s.event("1h", "delivery.scheduled", order=1, days=72)
    s.event("2h", "delivery.scheduled", order=1, days=90)
    s.event("3h", "promise.made", order=1, days=90)
    s.event("4h", "delivery.scheduled", order=1, days=120)
    assert s.told == [
        ("firing", "match", "1:00:00"),
        ("resolved", "over", "3:00:00"),
        ("firing", "match", "4:00:00"),
    ]
    first, end, second = (output.alert.fingerprint for output in s.outputs)
    assert first == end != second


def test_orders_are_told_apart() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    assert s.event("1h", "delivery.scheduled", order=2, days=72).told == []


def test_the_newer_fact_is_the_one_of_the_later_event() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    s.event("5h", "delivery.scheduled", order=1, days=31)
    s.event("4h", "delivery.scheduled", order=1, days=72)  # comes late, is no news
    assert s.told == []
    s.event("5h", "delivery.scheduled", order=1, days=72)  # of the same time, later in the log
    assert said(s) == [FIRES]


def test_whole_numbers_of_json_are_multiplied_by_fractions() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    assert (
        s.event("1h", "delivery.scheduled", order=1, days=36).told == []
    )  # no more than 1.2 times
    assert said(s.event("2h", "delivery.scheduled", order=1, days=37)) == [FIRES]


def test_what_cannot_be_compared_does_not_disagree() -> None:
    s = story().event("0h", "promise.made", order=1, days="thirty")
    assert s.event("1h", "delivery.scheduled", order=1, days=72).told == []


def test_an_event_without_the_value_is_no_fact() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    s.event("1h", "delivery.scheduled", order=1, days=72).event("2h", "promise.made", order=1)
    assert said(s) == [FIRES]


def test_one_event_can_hold_both_facts() -> None:
    one = {"type": "order.updated", "value": "data.promised"}
    other = {"type": "order.updated", "value": "data.scheduled"}
    s = story(left=one, right=other).event(
        "0h", "order.updated", order=1, promised=30, scheduled=72
    )
    s.event("1h", "order.updated", order=1, promised=30, scheduled=30)
    assert said(s) == [FIRES, ENDS]


def test_with_resolve_on_never_the_end_is_not_told() -> None:
    s = story(alert={"resolve_on": "never"}).event("0h", "promise.made", order=1, days=30)
    s.event("1h", "delivery.scheduled", order=1, days=72)
    assert said(s.event("2h", "delivery.scheduled", order=1, days=30)) == [FIRES]


def test_a_rule_that_changes_ends_what_stands() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    s.event("1h", "delivery.scheduled", order=1, days=72)
    s.outputs += s.partition.activate(rule_set({**BASE, "when": "left != right"}))
    assert said(s) == [FIRES, ("expired", "rule_changed")]


def test_the_facts_survive_a_checkpoint() -> None:
    s = story().event("0h", "promise.made", order=1, days=30)
    account = s.partition.accounts["acme"]
    s.partition.accounts["acme"] = decode_account(encode_account(account))
    assert said(s.event("1h", "delivery.scheduled", order=1, days=72)) == [FIRES]


def test_the_oldest_instance_gives_way_and_is_counted() -> None:
    s = Story(rule_set(BASE), limits=Limits(instances=2))
    for order in range(3):
        s.event("0h", "promise.made", order=order, days=30)
    assert s.partition.stats["evicted:instance"] == 1
    assert s.event("1h", "delivery.scheduled", order=0, days=72).told == []


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("right > left *", "when: the expression ends too early"),
        ("right > promised", "when: promised is not known"),
        ("right > 3", "when: reads no `left`; compare `left` with `right`"),
        ("right > left / duration('x')", "is no span of time"),
    ],
)
def test_a_bad_condition_is_a_fault(when: str, message: str) -> None:
    rule = {"id": "a.rule", **COMMON, "tests": TESTS, **BASE, "when": when}
    content = json.dumps({"v": 1, "rules": [rule], "calendars": []})
    with pytest.raises(BadRule) as refused:
        parse(content.encode())
    assert message in str(refused.value)


def test_the_times_of_the_facts_may_be_compared() -> None:
    s = story(when='right.at - left.at > duration("48h")')
    s.event("0h", "promise.made", order=1, days=30)
    s.event("48h", "delivery.scheduled", order=1, days=30)
    assert s.told == []
    s.event("49h", "delivery.scheduled", order=1, days=30)
    assert [told[:2] for told in s.told] == [FIRES]


def test_the_time_of_a_fact_goes_before_a_field_of_its_value() -> None:
    s = story(when='left.at == timestamp("2026-03-02T09:00:00Z") && right == 1.0')
    s.event("0h", "promise.made", order=1, days={"at": 5})
    s.event("1h", "delivery.scheduled", order=1, days=1)
    assert [told[:2] for told in s.told] == [FIRES]
