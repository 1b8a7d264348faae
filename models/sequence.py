"""The behaviour sequence of an account: its last events in order of time, bounded."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple


class Entry(NamedTuple):
    """at: event time, ms. offset: place in the log, where the whole event stands."""

    at: int
    offset: int
    type: str


def insert(sequence: list[Entry], entry: Entry, length_max: int) -> None:
    """Put an event at its place in time (after equal times); beyond the bound the oldest goes.

    >>> s: list[Entry] = []
    >>> for at, type in ((5, "b"), (9, "c"), (5, "late")):
    ...     insert(s, Entry(at, 0, type), length_max=2)
    >>> [(e.at, e.type) for e in s]
    [(5, 'late'), (9, 'c')]
    """
    if not sequence or entry.at >= sequence[-1].at:
        sequence.append(entry)
    else:
        sequence.insert(bisect_right(sequence, entry.at, key=lambda e: e.at), entry)
    if len(sequence) > length_max:
        del sequence[0]
