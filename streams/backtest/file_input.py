"""The input of a backtest over files: all events of all files in the order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from models.errors import BadInput, BadSetting
from models.event import Event
from streams.backtest.bad_rows import BadRows
from streams.backtest.cloud_events import read_events
from streams.backtest.mapping import Mapping
from streams.backtest.opened import Source
from streams.backtest.order import BUFFER, in_order, merged, sorted_on_disk
from streams.backtest.readers.registry import format_of, reader_for
from streams.backtest.rows import BadRow, RowParser
from streams.codec import RawLimits


class Span(NamedTuple):
    """Of event times (files) or append times (topics), ms: since <= t < until."""

    since: int | None = None
    until: int | None = None

    def __contains__(self, at: object) -> bool:
        assert isinstance(at, int)
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class FileInput:
    """counts: read, bad, left_out (by the mapping), outside (of the span). Iterate once."""

    def __init__(
        self,
        files: Sequence[Path],
        mapping: Mapping | None,
        bad: BadRows,
        limits: RawLimits,
        *,
        span: Span = Span(),  # noqa: B008 - it cannot be changed
        sort: bool = False,
        buffer: int = BUFFER,
    ) -> None:
        """Raises BadSetting for a file that is not there or needs a mapping."""
        self.sources = [Source(path) for path in files]
        self.counts: Counter[str] = Counter()
        self._mapping = mapping
        self._bad = bad
        self._limits = limits
        self._span = span
        self._sort = sort or bool(mapping and mapping.sort)
        self._buffer = buffer
        for path in files:
            format = format_of(path, mapping)
            if mapping is None and format != "jsonl":
                raise BadSetting(f"{path} is {format}: say by --map how its columns become events")

    @property
    def name(self) -> str:
        """What evidence calls the log."""
        return self.sources[0].name if len(self.sources) == 1 else "files"

    @property
    def done(self) -> float:
        """How much of it was read, 0 to 1."""
        total = sum(source.total for source in self.sources)
        return min(1.0, sum(source.done for source in self.sources) / total) if total else 1.0

    def __iter__(self) -> Iterator[Event]:
        return merged(map(self._ordered, self.sources))

    def unsorted(self) -> Iterator[Event]:
        """As the files have them."""
        return chain.from_iterable(map(self._good, self.sources))

    def _ordered(self, source: Source) -> Iterator[Event]:
        events = self._good(source)
        return sorted_on_disk(events) if self._sort else in_order(events, source.path, self._buffer)

    def _good(self, source: Source) -> Iterator[Event]:
        """The events; what cannot be one goes to the side file."""
        counts, span = self.counts, self._span
        is_open = span == Span()
        for found in self._read(source):
            counts["read"] += 1
            if isinstance(found, BadRow):
                counts["bad"] += 1
                place = {"file": str(source.path), "line": found.line}
                self._bad.add(place, found.reason, found.detail, found.raw)
            elif is_open or found.at in span:
                yield found
            else:
                counts["outside"] += 1

    def _read(self, source: Source) -> Iterator[Event | BadRow]:
        if self._mapping is None:
            return read_events(source, self._limits)
        return self._read_rows(source, self._mapping)

    def _read_rows(self, source: Source, mapping: Mapping) -> Iterator[Event | BadRow]:
        parser = RowParser(mapping, source.name)
        for row in reader_for(format_of(source.path, mapping))(source, mapping):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                event = parser.parse(row)
            except BadInput as fault:
                yield BadRow(row.line, fault.reason, fault.detail, row.fields)
                continue
            if event is None:
                self.counts["read"] += 1
                self.counts["left_out"] += 1
            else:
                event.offset = row.line
                yield event
