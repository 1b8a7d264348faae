"""An account: all that is remembered of one customer, in one partition. Mutable, bounded."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from models.case import Case
from models.event import Event
from models.identity import HASH_BYTES, event_hash
from models.sequence import Sequence


class Limits(msgspec.Struct, frozen=True):
    """Bounds of an account's state; beyond each the oldest gives way, and it is counted.

    momentum_step: by more than this a figure of the momentum must move to be published.
    """

    sequence_length: int = 32
    remembered_ids: int = 16
    instances: int = 256
    episodes: int = 16
    marks: int = 32
    runs: int = 64
    hits: int = 64
    momentum_step: float = 0.1


class Account(msgspec.Struct):
    """applied: count of events. latest: highest event time, ms. offset: last applied.

    zone: the account's own time zone, once an event told it. seen: 8 bytes for each of the newest
    events (one string of bytes: a search in it is cheap, and objects are not). cases: by rule id,
    then key.
    """

    id: str
    applied: int = 0
    latest: int = 0
    offset: int = -1
    zone: str | None = None
    quarantined: bool = False
    sequence: Sequence = msgspec.field(default_factory=Sequence)
    seen: bytearray = msgspec.field(default_factory=bytearray)
    cases: dict[str, dict[str, Case]] = {}

    def remember(self, event: Event, ids_max: int) -> bool:
        """False for a repeat: an event whose (source, id) is among the last `ids_max`."""
        key, seen = event_hash(event.source, event.id), self.seen
        if key in seen:
            return False
        seen += key
        if len(seen) > HASH_BYTES * ids_max:
            del seen[:HASH_BYTES]
        return True

    def apply(self, event: Event, length_max: int) -> None:
        """The event enters the sequence."""
        self.applied += 1
        self.offset = event.offset
        if event.at > self.latest:
            self.latest = event.at
        if event.accounttz is not None:
            self.zone = event.accounttz
        self.sequence.insert(event.at, event.type, length_max)

    def dues(self) -> Iterator[tuple[int, str, str]]:
        """Instants at which the clock has to look, ms, with the rule and the name of each case."""
        for rule, cases in self.cases.items():
            for name, case in cases.items():
                if due := getattr(case, "due", 0):
                    yield due, rule, name
