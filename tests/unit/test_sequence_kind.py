"""Stories of `sequence` rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.story import Story, rule_set

COMPARE = {"as": "compare", "type": "page.viewed", "where": "data.dwell_s > 180"}
PAPER = {"as": "paper", "type": "document.downloaded"}
BASE: dict[str, Any] = {"kind": "sequence", "steps": [COMPARE, PAPER], "within": "10m"}


def story(**fields: Any) -> Story:
    return Story(rule_set({**BASE, **fields}))


def test_the_steps_in_order_match() -> None:
    s = story().event("0m", "page.viewed", dwell_s=181).event("1m", "document.downloaded")
    assert s.told == [("firing", "match", "0:01:00")]
    assert [e.type for e in s.outputs[0].alert.evidence] == ["page.viewed", "document.downloaded"]


@pytest.mark.parametrize(("contiguity", "matches"), [("strict", 0), ("relaxed", 1)])
def test_contiguity_says_whether_others_may_lie_between(contiguity: str, matches: int) -> None:
    s = story(contiguity=contiguity)
    s.event("0m", "page.viewed", dwell_s=181).event("1m", "mail.opened")
    assert len(s.event("2m", "document.downloaded").told) == matches


def test_the_window_is_half_open() -> None:
    for at, matches in (("10m", 0), ("599s", 1)):
        s = story().event("0m", "page.viewed", dwell_s=181).event(at, "document.downloaded")
        assert len(s.told) == matches


def test_without_ends_a_partial_match() -> None:
    s = story(without={"type": "demo.cancelled"}).event("0m", "page.viewed", dwell_s=181)
    assert s.event("1m", "demo.cancelled").event("2m", "document.downloaded").told == []


@pytest.mark.parametrize(("skip", "matches"), [("past_last", 1), ("to_next", 2)])
def test_skip_says_whether_matches_may_overlap(skip: str, matches: int) -> None:
    s = story(skip=skip).event("0m", "page.viewed", dwell_s=181)
    s.event("1m", "page.viewed", dwell_s=200).event("2m", "document.downloaded")
    assert len(s.told) == matches


def test_a_gap_bounds_the_time_from_the_step_before() -> None:
    second = {"as": "second", "type": "legal.asked", "gap": {"min": "3d", "max": "5d"}}
    steps = [{"as": "quote", "type": "quote.sent"}, second]
    for at, matches in (("2d", 0), ("3d", 1), ("4d", 1), ("5d", 0)):
        s = story(steps=steps, within="30d").event("0h", "quote.sent").event(at, "legal.asked")
        assert len(s.told) == matches, at


def test_a_late_event_is_never_an_earlier_step() -> None:
    s = story().event("5m", "page.viewed", dwell_s=181).event("4m", "document.downloaded")
    assert s.told == []


def test_the_sentence_shows_the_fields_of_its_steps() -> None:
    s = story(why="{{account}} compared for {{compare.data.dwell_s}} s, took {{paper.data.name}}")
    s.event("0m", "page.viewed", dwell_s=181).event("1m", "document.downloaded", name="paper")
    assert s.outputs[0].alert.why == "acme compared for 181 s, took paper"


def test_the_oldest_partial_match_gives_way_at_the_bound() -> None:
    s = story(skip="to_next")
    for i in range(100):
        s.event(f"{i}s", "page.viewed", dwell_s=181)
    assert len(s.event("2m", "document.downloaded").told) == 64
    assert s.partition.stats["evicted:run"] == 36
