"""What goes into an explanation, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from models.alert import State
from models.event import Event
from rules.explaining.reading import Note, Played


class Passed(NamedTuple):
    """Time passed, by a tick or another account's event: the clock is at least there, ms."""

    clock_ms: int


class FeedTurn(NamedTuple):
    """A feed went stale or came back, by this measure."""

    feed: str
    max_stale_ms: int
    stale: bool


class Forgotten(NamedTuple):
    """The account was erased."""


Entry = Event | Passed | FeedTurn | Forgotten


@dataclass(frozen=True)
class Told:
    """A state of an alert of the rule."""

    state: str
    step: str
    at: datetime
    due: datetime | None
    why: str


@dataclass(frozen=True)
class Moment:
    """A record that mattered. at: the event's time, or the clock when time passed."""

    at: datetime
    what: str
    id: str
    offset: int
    roles: tuple[Played, ...]
    notes: tuple[Note, ...]
    told: tuple[Told, ...]


@dataclass(frozen=True)
class Standing:
    """An open case at the end. next: when the clock looks at it, or its time is up."""

    key: str
    text: str
    next: datetime | None


@dataclass(frozen=True)
class Explanation:
    """why_not: empty when it fired, else what kept it from that, the latest last."""

    rule: str
    version: str
    account: str
    clock: datetime
    moments: tuple[Moment, ...]
    standing: tuple[Standing, ...]
    why_not: tuple[str, ...]

    @property
    def fired(self) -> bool:
        return any(told.state == State.FIRING for m in self.moments for told in m.told)

    @property
    def next_deadline(self) -> datetime | None:
        """Of all open cases the first."""
        return min((s.next for s in self.standing if s.next is not None), default=None)
