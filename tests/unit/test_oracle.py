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
