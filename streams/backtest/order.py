"""The order of time: a replay has one clock, so events must come as time went.

Between the rows and the engine. A file that is nearly in order is set right in a bounded buffer;
one that is not is refused, or sorted as a whole on disk when that is asked for. Ties keep the
order of the file, and files the order in which they are named.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from models.errors import BadSetting
from models.event import Event
from streams.codec import encode_event, parse_event

BUFFER = 10_000  # events
PIECE = 200_000  # events that are sorted in memory at once
by_time = attrgetter("at")


def in_order(events: Iterable[Event], path: Path, buffer: int = BUFFER) -> Iterator[Event]:
    """`offset` of each is its line. Raises BadSetting for one that comes too late for the buffer.

    buffer: events that are held back; so many later lines may stand before an earlier one.
    """
    waiting: list[tuple[int, int, Event]] = []
    last = 0
    for number, event in enumerate(events):
        if event.at < last:
            raise BadSetting(
                f"{path}:{event.offset}: the event is {(last - event.at) / 1000:g} s older than one"
                f" that has left the buffer of {buffer} events: the file is not in order of time."
                " Say --sort (or `sort: true` in the mapping) to sort it on disk first, or raise"
                " --buffer."
            )
        heapq.heappush(waiting, (event.at, number, event))
        if len(waiting) > buffer:
            last, _, event = heapq.heappop(waiting)
            yield event
    while waiting:
        yield heapq.heappop(waiting)[2]


def sorted_on_disk(events: Iterable[Event], piece: int = PIECE) -> Iterator[Event]:
    """Any order, by pieces that are sorted in memory and merged from disk (Knuth 3, 5.4.1)."""
    source = iter(events)
    with TemporaryDirectory(prefix="pathline-sort-") as folder:
        pieces: list[Path] = []
        while part := sorted(islice(source, piece), key=by_time):
            if len(part) < piece and not pieces:  # all of it fits
                yield from part
                return
            pieces.append(Path(folder) / str(len(pieces)))
            with pieces[-1].open("wb") as file:
                file.writelines(encode_event(event) + b"\n" for event in part)
        yield from heapq.merge(*map(_read, pieces), key=by_time)


def _read(piece: Path) -> Iterator[Event]:
    with piece.open("rb") as file:
        for line in file:
            yield parse_event(line, 0)


def merged(files: Iterable[Iterator[Event]]) -> Iterator[Event]:
    """Several files, each in order, as one."""
    streams = list(files)
    return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=by_time)
