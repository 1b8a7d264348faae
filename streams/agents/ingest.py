"""Ingest: from the raw topic to the interactions. One of two agents; nothing comes before it.

Validates CloudEvents and puts each under its account, so that all events of an account lie in one
partition in the order in which they came. Holds no state but its position; dedupe is `follow`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any

from models.errors import BadInput
from streams.codec import RawLimits, encode_event, parse_raw
from streams.control import Control
from streams.feed_watch import encode_note, feed_of
from streams.job import Job, Out, Poison, Record, Snapshot
from streams.rejects import RejectLimits, Rejects
from streams.settings import Settings
from streams.topics import Topics

NAME = "ingest"


class IngestJob:
    """One partition of the raw topic.

    to: the interactions. dead_letters: where rejects go. feeds: those to be watched.
    """

    clock = 0
    tells_apart = False  # its state is its position

    def __init__(
        self,
        source: tuple[str, int],
        to: str,
        dead_letters: str,
        limits: RawLimits,
        reject_limits: RejectLimits,
        feeds: Set[str] = frozenset(),
    ) -> None:
        self._to = to
        self._feeds = feeds
        self._seen: dict[str, int] = {}
        self._limits = limits
        self._outputs: list[Out] = []
        self._stats: Counter[str] = Counter()
        self._rejects = Rejects(NAME, source, dead_letters, reject_limits, self._stats)

    @property
    def outputs_waiting(self) -> bool:
        return bool(self._outputs or self._rejects.waiting)

    def apply(self, records: Sequence[Record]) -> None:
        outputs, to, limits = self._outputs, self._to, self._limits
        good = 0
        if records:
            for feed in self._feeds - self._seen.keys():  # alive from here on, till it is silent
                self._seen[feed] = records[0].timestamp
        for ahead, record in enumerate(records):
            try:
                event = parse_raw(record, limits)
                value = encode_event(event)
            except BadInput as fault:
                self._rejects.add(record, fault, ahead)
            else:
                good += 1
                if self._feeds and (feed := feed_of(event.source)) in self._feeds:
                    self._seen[feed] = record.timestamp
                key = event.subject.encode()
                outputs.append(Out(to, key, value))
        self._rejects.seen(len(records))
        self._stats["applied"] += good

    def snapshot(self, now_ms: int) -> Snapshot:
        outputs, self._outputs = self._outputs, []
        stats = self._stats.copy()
        self._stats.clear()
        header = {"rejects": self._rejects.header(), "feeds": self._seen}
        note = encode_note(self._seen)
        return Snapshot([], header, outputs + self._rejects.take(), stats, note)

    def tell(self, now_ms: int) -> Snapshot:
        return self.snapshot(now_ms)

    def restore(self, blobs: Iterable[tuple[bytes, bytes]], header: Mapping[str, Any]) -> None:
        self._rejects.restore(header["rejects"])
        self._seen = {f: at for f, at in header["feeds"].items() if f in self._feeds}

    def greetings(self) -> list[Control]:
        return []

    def next_deadline(self) -> int | None:
        return None

    def gauges(self, until_ms: int) -> Mapping[str, float]:
        return {}


class IngestAgent:
    """Makes the jobs of `ingest` (streams/runtime.py, Agent)."""

    name = NAME

    def __init__(self, settings: Settings, topics: Topics, feeds: Collection[str]) -> None:
        self.source = topics.raw.name
        self._to = topics.interactions.name
        self._feeds = set(feeds)
        self._dead_letters = topics.dead_letters.name
        self._limits = RawLimits(settings.record_bytes_max, int(settings.future_skew_s * 1000))
        self._reject_limits = RejectLimits(settings.rejects_ratio_max, settings.rejects_in_row_max)

    def watch(self, feeds: Collection[str]) -> None:
        """Other feeds are to be watched from here on, by the jobs at work, too."""
        self._feeds.clear()
        self._feeds.update(feeds)

    async def make_job(
        self, partition: int, header: Mapping[str, Any], poison: Sequence[Poison]
    ) -> IngestJob:
        source = self.source, partition
        return IngestJob(
            source,
            self._to,
            self._dead_letters,
            self._limits,
            self._reject_limits,
            self._feeds,
        )

    async def prepare(self, job: Job, records: Sequence[Record]) -> None:
        """A raw record names nothing that would have to be loaded."""
