"""The oracle checked by hand: stories in hours, worked out on paper from docs/semantics.md."""

from __future__ import annotations

from typing import Any

import pytest

from tests.laws.oracle import Told, tell

HOUR_MS = 3_600_000
MONDAY_MS = 1_772_442_000_000  # 2026-03-02T09:00Z
SLA: dict[str, Any] = {
    "id": "reply",
    "kind": "sla",
    "start": {"type": "asked"},
    "stop": {"type": "answered"},
    "pause": {"type": "paused"},
    "resume": {"type": "resumed"},
    "cancel": {"type": "closed"},
    "goal": {"within": "4h"},
}
TRIAL: dict[str, Any] = {
    "id": "trial",
    "kind": "absence",
    "anchor": {"type": "began"},
    "expect": {"type": "used"},
    "until": {"type": "ended"},
    "deadline": {"after": "4h"},
}
PATH: dict[str, Any] = {
    "id": "path",
    "kind": "sequence",
    "steps": [{"type": "looked"}, {"type": "read"}],
    "within": "4h",
}
OFFICE: dict[str, Any] = {
    "id": "office",
    "tz": "UTC",
    "week": {"mon-fri": ["09:00-12:00", "13:00-18:00"]},
    "years": {2026: {"holidays": ["2026-03-03"], "workdays": ["2026-03-07"]}},
}


def at(hours: float) -> int:
    return MONDAY_MS + round(hours * HOUR_MS)


def story(rule: dict[str, Any], *log: tuple[Any, ...], **options: Any) -> list[Told]:
    """log: (hours, type, attributes of the event), (hours,) for a tick, ("feed", name, stale)."""
    records: list[dict[str, Any]] = []
    for place, entry in enumerate(log):
        if entry[0] == "feed":
            records.append({"feed": entry[1], "max_stale_ms": HOUR_MS, "stale": entry[2]})
        elif len(entry) == 1:
            records.append({"tick": at(entry[0])})
        else:
            hours, type, *attributes = entry
            event = {"id": f"e{place}", "source": "//test", "account": "ann", "type": type}
            more = attributes[0] if attributes else {}
            records.append({"event": {**event, "time_ms": at(hours), "data": {}, **more}})
    return tell(records, [rule], [OFFICE], **options)


def short(told: list[Told]) -> list[tuple[str, str, float]]:
    """(state, step, hours after the start)."""
    return [(one.state, one.step, (one.at - MONDAY_MS) / HOUR_MS) for one in told]


def test_a_late_start_takes_away_an_alert_that_it_makes_part_of_its_own_episode() -> None:
    rule = {**SLA, "restart": "ignore"}
    told = story(rule, (2, "asked"), (6,), (0, "asked"))
    assert short(told) == [("firing", "due", 6), ("retracted", "vanished", 0), ("firing", "due", 4)]
    assert [one.name for one in told] == [("e0",), ("e0",), ("e2",)]


def test_no_answer_fires_when_the_clock_reaches_the_deadline() -> None:
    assert short(story(SLA, (0, "asked"), (4,), (9,))) == [("firing", "due", 4)]


def test_the_clock_runs_behind_the_events_by_the_lateness() -> None:
    log = (0, "asked"), (4.5, "other"), (5, "other")
    told = story(SLA, *log, lateness_ms=HOUR_MS)
    assert [(one.record, one.at) for one in told] == [(2, at(4))]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (3.9, []),
        (4, [("firing", "due", 4), ("resolved", "stop", 4)]),
        (5, [("firing", "due", 4), ("resolved", "stop", 5)]),
    ],
)
def test_an_answer_at_the_deadline_is_late(answer: float, told: list[Any]) -> None:
    assert short(story(SLA, (0, "asked"), (answer, "answered"), (9,))) == told


def test_warnings_escalations_and_their_owners() -> None:
    ladder = [{"after": "0h", "to": "lead"}, {"after": "2h", "to": "coo"}]
    rule = {**SLA, "warn_at": [0.5], "escalate": ladder, "owner": "desk"}
    told = story(rule, (0, "asked"), (2,), (6,), (7, "answered"))
    assert [(one.step, one.owner, one.due) for one in told] == [
        ("warn:0.5", "desk", at(4)),
        ("due", "lead", at(4)),
        ("escalate:coo", "coo", at(4)),
        ("stop", "desk", at(4)),
    ]


def test_a_warning_is_an_exact_share_of_the_goal() -> None:
    rule = {**SLA, "goal": {"within": "100ms"}, "warn_at": [0.29]}  # in floats 28.999 …
    assert [one.at - MONDAY_MS for one in story(rule, (0, "asked"), (1,))] == [29, 100]


def test_a_breach_is_told_even_when_its_answer_is_known_first() -> None:
    log = (0, "asked"), (2.5,), (4.5, "answered"), (6,)
    told = story({**SLA, "warn_at": [0.5]}, *log, lateness_ms=HOUR_MS)
    assert short(told) == [
        ("pending", "warn:0.5", 2),
        ("firing", "due", 4),
        ("resolved", "stop", 4.5),
    ]


def test_time_in_a_pause_does_not_count() -> None:
    log = (0, "asked"), (1, "paused"), (7, "resumed"), (8, "paused"), (9, "paused"), (10, "resumed")
    assert short(story(SLA, *log, (20,))) == [("firing", "due", 12)]


def test_what_is_reached_when_the_pause_begins_stays_reached() -> None:
    assert short(story(SLA, (0, "asked"), (4, "paused"), (9,))) == [("firing", "due", 4)]


def test_a_pause_before_the_start_is_nothing() -> None:
    assert short(story(SLA, (0, "paused"), (1, "asked"), (9,))) == [("firing", "due", 5)]


def test_a_second_start_supersedes_what_is_not_breached_and_leaves_open_what_is() -> None:
    rule = {**SLA, "warn_at": [0.5]}
    log = (0, "asked"), (2,), (3, "asked"), (7,), (8, "asked"), (9, "answered"), (20,)
    told = story(rule, *log)
    assert [(one.name[0], one.state, one.step) for one in told] == [
        ("e0", "pending", "warn:0.5"),
        ("e0", "expired", "superseded"),
        ("e2", "pending", "warn:0.5"),
        ("e2", "firing", "due"),
        ("e2", "resolved", "stop"),
    ]


def test_a_late_answer_retracts_within_what_the_rule_accepts() -> None:
    log = (0, "asked"), (6,), (3, "answered")
    assert short(story(SLA, *log))[1:] == [("retracted", "retract", 3)]
    short_sighted = {**SLA, "late": {"accept": "1h"}}
    assert short(story(short_sighted, *log))[1:] == [("resolved", "stop", 5)]
    ignoring = {**SLA, "late": {"on_late": "ignore"}}
    assert short(story(ignoring, *log))[1:] == [("resolved", "stop", 6)]


def test_a_late_pause_retracts_and_the_alert_may_fire_again() -> None:
    log = (0, "asked"), (5,), (3, "paused"), (6, "resumed"), (7,)
    told = short(story(SLA, *log))
    assert told == [("firing", "due", 4), ("retracted", "retract", 3), ("firing", "due", 7)]


def test_a_stale_feed_holds_what_is_due() -> None:
    rule = {**SLA, "feeds": {"desk": {"max_stale": "1h"}}}
    log = (0, "asked"), ("feed", "desk", True), (5,), (6, "answered"), ("feed", "desk", False)
    told = story(rule, *log)
    assert [(one.record, one.state) for one in told] == [(4, "firing"), (4, "resolved")]


def test_resolve_on_never_keeps_the_end_quiet() -> None:
    rule = {**SLA, "alert": {"resolve_on": "never"}}
    assert short(story(rule, (0, "asked"), (5, "answered"), (9,))) == [("firing", "due", 4)]


def test_a_repeat_is_dropped_as_long_as_its_id_is_remembered() -> None:
    log = (0, "asked", {"id": "one"}), (1, "other"), (9, "answered", {"id": "one"})
    assert story(SLA, *log) == []
    assert short(story(SLA, *log, remembered_ids=1)) == [
        ("firing", "due", 4),
        ("resolved", "stop", 9),
    ]


def test_instances_are_told_apart_by_their_key_in_the_order_of_what_is_due() -> None:
    rule = {**SLA, "key": ["data.ticket"]}
    log = [(2 - n, "asked", {"data": {"ticket": n}}) for n in (0, 1)]
    told = story(rule, *log, (3, "asked"), (9,))
    assert [(one.key, one.at) for one in told] == [
        ('{"data.ticket":1}', at(5)),
        ('{"data.ticket":0}', at(6)),
    ]


def test_business_time_leaves_out_lunch_night_and_holiday() -> None:
    rule = {**SLA, "goal": {"within": "8bh", "calendar": "office"}}
    # Monday 11:00: six hours that day, Tuesday is a holiday, two hours on Wednesday
    assert short(story(rule, (2, "asked"), (99,))) == [("firing", "due", 48 + 2)]


def test_business_days_end_at_the_same_time_of_day() -> None:
    rule = {**SLA, "goal": {"within": "1bd", "calendar": "office"}}
    assert short(story(rule, (2, "asked"), (99,))) == [("firing", "due", 48 + 2)]


@pytest.mark.parametrize(
    ("measure", "used", "told"),
    [
        ("since_anchor", 3, []),
        ("since_last", 3, [("firing", "due", 7)]),
        ("since_last", 6, [("firing", "due", 4), ("resolved", "stop", 6), ("firing", "due", 10)]),
    ],
)
def test_an_expected_event_ends_the_episode_or_moves_it_on(
    measure: str, used: float, told: list[Any]
) -> None:
    assert short(story({**TRIAL, "measure": measure}, (0, "began"), (used, "used"), (99,))) == told


def test_local_days_end_at_the_account_s_midnight() -> None:
    rule = {**TRIAL, "deadline": {"day_number": 1, "tz": "account"}}
    shanghai = {"accounttz": "Asia/Shanghai"}  # 17:00 there; the next day ends in 31 hours
    assert short(story(rule, (0, "began", shanghai), (99,))) == [("firing", "due", 31)]
    offset = {"utc_offset_min": -300}  # 04:00 there
    assert short(story(rule, (0, "began", offset), (99,))) == [("firing", "due", 44)]


@pytest.mark.parametrize(("used", "told"), [(14, [("firing", "due", 39)]), (15, []), (38, [])])
def test_on_day_takes_an_answer_of_that_day_only(used: float, told: list[Any]) -> None:
    day = {"measure": "on_day", "deadline": {"day_number": 1, "tz": "UTC"}}
    assert short(story({**TRIAL, **day}, (0, "began"), (used, "used"), (99,))) == told


def test_steps_match_in_order_within_the_window() -> None:
    told = story(PATH, (0, "looked"), (1, "read"), (2, "looked"), (6, "read"))
    assert [(one.step, one.name, one.at) for one in told] == [("match", ("e0", "e1"), at(1))]


@pytest.mark.parametrize(("contiguity", "matches"), [("strict", 0), ("relaxed", 1)])
def test_strict_wants_the_very_next_event(contiguity: str, matches: int) -> None:
    log = (0, "looked"), (1, "other"), (2, "read")
    assert len(story({**PATH, "contiguity": contiguity}, *log)) == matches


@pytest.mark.parametrize(("skip", "first"), [("past_last", ["e0"]), ("to_next", ["e0", "e1"])])
def test_skip_says_whether_matches_overlap(skip: str, first: list[str]) -> None:
    told = story({**PATH, "skip": skip}, (0, "looked"), (1, "looked"), (2, "read"), (3, "read"))
    assert [one.name[0] for one in told] == first


def test_without_ends_what_is_not_younger() -> None:
    rule = {**PATH, "without": {"type": "left"}}
    assert story(rule, (0, "looked"), (1, "left"), (2, "read")) == []
    assert len(story(rule, (1, "looked"), (0, "left"), (2, "read"))) == 1


@pytest.mark.parametrize(("read", "matches"), [(0.9, 0), (1, 1), (2, 0)])
def test_a_gap_is_half_open(read: float, matches: int) -> None:
    steps = [{"type": "looked"}, {"type": "read", "gap": {"min": "1h", "max": "2h"}}]
    assert len(story({**PATH, "steps": steps}, (0, "looked"), (read, "read"))) == matches


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ("data.v > 1", 1),
        ('data.v == 2 && data.text == "x"', 1),
        ('data.v == 2 && data.text == "y"', 0),
        ("data.text > 1", 0),
        ("data.missing == 1", 0),
        ('actor.kind == "rep"', 1),
        ('actor.kind != "rep"', 0),
    ],
)
def test_conditions_that_hold(where: str, matches: int) -> None:
    rule = {**PATH, "steps": [{"type": "looked", "where": where}]}
    event = {"data": {"v": 2, "text": "x"}, "actorkind": "rep"}
    assert len(story(rule, (0, "looked", event))) == matches
