"""Stories on a timeline: a rule as a mapping, events at offsets from a start, alerts as tuples."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from models.account import Limits
from models.duration import Duration
from models.event import Event, place, to_ms
from rules.context import Output
from rules.loader import parse
from rules.partition import Partition
from rules.ruleset import RuleSet, compile_rules

START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
COMMON = {"version": "1.0.0", "title": "t", "status": "active", "why": "w", "severity": "info"}
TESTS = [
    {
        "name": name,
        "start": "2026-03-02T09:00:00+00:00",
        "events": [],
        "expect": [{"at": "0s", "state": "firing"}] * fires,
    }
    for name, fires in (("fires", 1), ("silent", 0))
]
OFFICE = {
    "id": "office",
    "version": "2026.1",
    "tz": "UTC",
    "week": {"mon-fri": ["09:00-12:00", "13:00-18:00"]},
    "years": {2026: {"holidays": ["2026-03-04"], "workdays": ["2026-03-07"]}},
}


def content_of(*rules: dict[str, Any], calendars: tuple[dict[str, Any], ...] = (OFFICE,)) -> bytes:
    """Rules given as mappings, as a published set; the fields that do not matter are filled in."""
    full = [{"id": f"rule-{i}", **COMMON, "tests": TESTS, **rule} for i, rule in enumerate(rules)]
    return json.dumps({"v": 1, "rules": full, "calendars": list(calendars)}).encode()


def rule_set(*rules: dict[str, Any], calendars: tuple[dict[str, Any], ...] = (OFFICE,)) -> RuleSet:
    """Compile rules given as mappings; the fields that do not matter are filled in."""
    return compile_rules(parse(content_of(*rules, calendars=calendars)))


def ms(text: str) -> int:
    """`2h` after the start, as ms since 1970."""
    return to_ms(START) + Duration.parse(text).amount


class Story:
    """A partition, and what it says as time goes on."""

    def __init__(self, rules: RuleSet, *, lateness: str = "0s", limits: Limits | None = None):
        self.partition = Partition(
            rules,
            topic="interactions",
            partition=0,
            lateness_ms=Duration.parse(lateness).amount,
            limits=limits,
        )
        self.offsets = count()
        self.outputs: list[Output] = []

    def event(self, at: str, type: str, account: str = "acme", **data: Any) -> Story:
        """`id`, `source`, `actorkind`, `accounttz`, `tz_hours` are attributes, the rest is data."""
        offset = next(self.offsets)
        names = ("id", "source", "actorkind", "accounttz")
        attributes = {name: data.pop(name) for name in names if name in data}
        zone = datetime.fromisoformat(data.pop("zone", "2026-01-01T00:00:00+00:00")).tzinfo
        time = (START + timedelta(milliseconds=Duration.parse(at).amount)).astimezone(zone)
        event = Event(
            **{"specversion": "1.0", "id": f"e{offset}", "source": "//test", **attributes},
            type=type,
            time=time,
            subject=account,
            data=data,
        )
        self.outputs += self.partition.advance(place(event, offset))
        return self

    def tick(self, at: str) -> Story:
        next(self.offsets)
        self.outputs += self.partition.tick(ms(at))
        return self

    def feed(self, name: str, max_stale: str, *, stale: bool, lead: bool = False) -> Story:
        next(self.offsets)
        limit = Duration.parse(max_stale).amount
        self.outputs += self.partition.feed(name, limit, stale, lead)
        return self

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """(state, step, occurred_at as time after the start) of every alert so far."""
        return [
            (o.alert.state.value, o.alert.step, str(o.alert.occurred_at - START))
            for o in self.outputs
        ]
