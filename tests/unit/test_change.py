"""Stories of `change` rules. A window of 32 h has grains of an hour."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.account import Account
from models.errors import BadRule
from rules.loader import parse
from rules.snapshot import decode_account, encode_account
from tests.story import COMMON, TESTS, Story, rule_set

BASE: dict[str, Any] = {
    "kind": "change",
    "of": "count(page.viewed)",
    "window": "32h",
    "baseline": "64h",
    "when": {"ratio": ">= 3"},
}


def story(*hours: int, **fields: Any) -> Story:
    s = Story(rule_set({**BASE, **fields}))
    for hour in hours:
        s.event(f"{hour}h", "page.viewed")
    return s


def means(*values: tuple[int, Any], **fields: Any) -> Story:
    s = Story(rule_set({**BASE, "of": "mean(page.viewed, data.v)", **fields}))
    for hour, value in values:
        s.event(f"{hour}h", "page.viewed", v=value)
    return s


def test_a_surge_fires_once_and_ends_by_the_clock() -> None:
    s = story(0, 40, 97, 98, 99, 100)
    assert s.told == [("firing", "match", "4 days, 2:00:00")]  # 2 against a mean of 0.5
    assert s.tick("130h").told[1:] == [("resolved", "over", "5 days, 10:00:00")]


def test_a_new_account_has_no_past_to_compare_with() -> None:
    assert story(0, 1, 2, 3, 4).told == []


def test_a_window_before_the_first_event_does_not_count() -> None:
    assert story(0, *[63] * 9).told == []
    assert story(0, *[64] * 9).told != []  # (0h, 32h] is whole: its zero counts


def test_a_window_ends_with_the_event_and_is_half_open() -> None:
    assert story(0, 40, 97, 128, min_count=2).told != []
    assert story(0, 40, 97, 129, min_count=2).told == []  # the first of the two has left


def test_min_count_holds_it() -> None:
    assert story(0, 40, 97, 98, min_count=3).told == []
    assert story(0, 40, 97, 98, 99, min_count=3).told != []


def test_a_late_event_counts_at_its_place_in_time() -> None:
    s = story(0, 40, 98)
    assert s.told == []
    assert s.event("97h", "page.viewed").told == [("firing", "match", "4 days, 2:00:00")]


def test_an_event_older_than_the_baseline_counts_nowhere() -> None:
    s = story(100, 101).event("1h", "page.viewed")
    assert s.partition.accounts["acme"].cases["rule-0"][""].since == 1772442000000 + 100 * 3_600_000


def test_after_a_silence_longer_than_the_baseline_the_past_begins_anew() -> None:
    assert story(0, 40, 400, 401, 402).told == []


def test_z_is_in_sample_standard_deviations() -> None:
    hours = (0, 33, *[65] * 2, *[97] * 3, *[129] * 4)  # 1, 2, 3 in the windows before, now 4
    four: dict[str, Any] = {"baseline": "96h", "min_count": 4}
    assert story(*hours, **four, when={"z": ">= 2"}).told != []
    assert story(*hours, **four, when={"z": "> 2"}).told == []


def test_any_step_from_an_even_past_is_infinitely_far() -> None:
    even = (0, 1, 33, 65)
    assert story(*even, 97, when={"z": ">= 1000"}).told == []  # 1, 1 and now 1
    assert story(*even, 97, 98, when={"z": ">= 1000"}).told != []


def test_ratio_and_z_must_both_be_met() -> None:
    hours = (0, 1, 33, 97, 98)
    assert story(*hours, when={"ratio": ">= 2", "z": ">= 2"}).told != []
    assert story(*hours, when={"ratio": ">= 5", "z": ">= 2"}).told == []


def test_a_mean_turns() -> None:
    s = means((0, 1), (40, 2), (97, 1), (98, -1), direction="turn", when=None)
    assert s.told == []  # a mean of 0 has no sign
    s.event("99h", "page.viewed", v=-5)
    assert [told[0] for told in s.told] == ["firing"]
    assert [told[0] for told in s.event("100h", "page.viewed", v=50).told] == ["firing", "resolved"]


def test_a_value_that_is_no_number_is_not_measured() -> None:
    s = means((0, "1"), (1, True), (2, None), (3, 1e200))
    assert s.partition.accounts["acme"].cases == {}


@pytest.mark.parametrize(("of", "field"), [("", "keywords"), (" data.words,", "words")])
def test_a_density_is_the_share_of_a_word(of: str, field: str) -> None:
    measure = f'density(page.viewed,{of} "budget")'
    s = Story(rule_set({**BASE, "of": measure, "when": {"ratio": ">= 2"}}))
    s.event("0h", "page.viewed", **{field: ["plan"]})
    s.event("40h", "page.viewed", **{field: ["plan", "budget", "plan", "plan"]})
    s.event("96h", "page.viewed", **{field: "budget"})  # no list, not measured
    s.event("96h", "page.viewed", **{field: ["budget", "plan", "plan"]})
    assert s.told == []
    s.event("97h", "page.viewed", **{field: ["budget"]})
    assert s.told == [("firing", "match", "4 days, 1:00:00")]  # 2 of 4, and 1 of 4 before


def test_where_tells_which_events_are_measured() -> None:
    s = Story(rule_set({**BASE, "where": "data.deep"}))
    for hour in (0, 40, 97, 98):
        s.event(f"{hour}h", "page.viewed", deep=hour < 98)
    assert s.told == []


def test_its_state_is_bounded_and_survives_a_checkpoint() -> None:
    minutes = range(0, 96 * 60, 7)
    s = Story(rule_set(BASE))
    for minute in minutes:
        s.event(f"{minute}m", "page.viewed")
    (case,) = s.partition.accounts["acme"].cases["rule-0"].values()
    assert len(case.samples) <= 96
    assert sum(sample.events for sample in case.samples) == len(minutes)
    account: Account = s.partition.accounts["acme"]
    assert decode_account(encode_account(account)) == account


def test_a_checkpoint_keeps_what_the_clock_has_to_look_at() -> None:
    s = story(0, 40, 97, 98)
    fresh = story()
    blobs = [(account.id, encode_account(account)) for account in s.partition.accounts.values()]
    fresh.partition.restore(blobs, s.partition.header())
    assert [told[0] for told in fresh.tick("200h").told] == ["resolved"]


def test_a_rule_that_changes_ends_what_stands() -> None:
    s = story(0, 40, 97, 98)
    s.outputs += s.partition.activate(rule_set({**BASE, "min_count": 2}))
    assert [told[:2] for told in s.told] == [("firing", "match"), ("expired", "rule_changed")]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"of": "sum(page.viewed)"}, "write count(event.type), mean("),
        ({"of": "mean(page.viewed)"}, "write count(event.type), mean("),
        ({"of": 'count(page.viewed, "x")'}, "write count(event.type), mean("),
        ({"baseline": "65h"}, "`baseline` is 1 to 16 whole windows; more is not kept"),
        ({"baseline": "544h"}, "`baseline` is 1 to 16 whole windows; more is not kept"),
        ({"window": "30s", "baseline": "60s"}, "less than a minute is not kept"),
        ({"when": {"ratio": "3"}}, "write a comparison with a number"),
        ({"when": {}}, "`when` needs `ratio` or `z`, or both"),
        ({"direction": "turn"}, "write either `when` or `direction: turn`"),
        ({"when": None, "direction": "turn"}, "needs `of: mean(…)`"),
        ({"baseline": "32h", "when": {"z": "> 1"}}, "a baseline of two windows or more"),
        ({"where": "data.v >"}, "where: the expression ends too early"),
        ({"window": "2bd"}, "wall time is wanted here"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_a_fault(fields: dict[str, Any], message: str) -> None:
    rule = {"id": "a.rule", **COMMON, "tests": TESTS, **BASE, **fields}
    content = json.dumps({"v": 1, "rules": [rule], "calendars": []})
    with pytest.raises(BadRule) as refused:
        parse(content.encode())
    assert message in str(refused.value)
