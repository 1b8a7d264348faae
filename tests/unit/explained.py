"""One account of which things are told line by line, for the tests of `explain`."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from models.duration import Duration
from models.event import Event, place
from rules.explain import explain
from rules.explaining.moments import Entry, Explanation, FeedTurn, Passed
from tests.story import START, ms, rule_set

SLA = {
    "kind": "sla",
    "key": ["data.ticket"],
    "start": {"type": "ticket.opened"},
    "stop": {"type": "ticket.answered", "where": 'actor.kind == "rep"'},
    "pause": {"type": "info.asked"},
    "resume": {"type": "info.given"},
    "cancel": {"type": "ticket.closed"},
    "goal": {"within": "2h"},
    "feeds": {"desk": {"max_stale": "1h"}},
}


class Account:
    """What happened to acme, told line by line."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.offsets = count()

    def event(self, at: str, type: str, actor: str | None = None, **data: Any) -> Account:
        offset = next(self.offsets)
        event = Event(
            specversion="1.0",
            id=data.pop("id", f"e{offset}"),
            source="//test",
            type=type,
            time=START + timedelta(milliseconds=Duration.parse(at).amount),
            subject="acme",
            data=data,
            actorkind=actor,
        )
        self.entries.append(place(event, offset))
        return self

    def passed(self, at: str) -> Account:
        self.entries.append(Passed(ms(at)))
        return self

    def feed(self, *, stale: bool) -> Account:
        self.entries.append(FeedTurn("desk", 3_600_000, stale))
        return self

    def explained(self, **rule: Any) -> Explanation:
        return explain(rule_set(rule), "rule-0", "acme", self.entries, lateness_ms=0)


def notes(explanation: Explanation) -> list[str]:
    return [note.text for moment in explanation.moments for note in moment.notes]


def told(explanation: Explanation) -> list[tuple[str, str]]:
    return [(t.state, t.step) for moment in explanation.moments for t in moment.told]
