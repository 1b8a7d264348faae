"""The behaviour sequence of an account: its last events in order of time, bounded and compact."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

TYPES_MAX = 256


class Sequence(msgspec.Struct):
    """at: event times, ms, rising. kinds: for each event an index into `types`.

    >>> s = Sequence()
    >>> for at, type in ((5, "b"), (9, "c"), (5, "late")):
    ...     s.insert(at, type, length_max=2)
    >>> list(s)
    [(5, 'late'), (9, 'c')]
    """

    at: array[int] = msgspec.field(default_factory=lambda: array("q"))
    kinds: bytearray = msgspec.field(default_factory=bytearray)
    types: list[str] = []

    def insert(self, at: int, type: str, length_max: int) -> None:
        """Put an event at its place in time (after equal times); the oldest gives way."""
        times = self.at
        try:
            kind = self.types.index(type)
        except ValueError:
            kind = self._add(type)
        if not times or at >= times[-1]:
            times.append(at)
            self.kinds.append(kind)
        else:
            place = bisect_right(times, at)
            times.insert(place, at)
            self.kinds.insert(place, kind)
        if len(times) > length_max:
            del times[0]
            del self.kinds[0]

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return ((at, self.types[kind]) for at, kind in zip(self.at, self.kinds, strict=True))

    def __len__(self) -> int:
        return len(self.at)

    def _add(self, type: str) -> int:
        if len(self.types) >= TYPES_MAX:
            self._forget_unused()
        self.types.append(type)
        return len(self.types) - 1

    def _forget_unused(self) -> None:
        used = sorted(set(self.kinds))
        assert len(used) < TYPES_MAX, "a sequence is shorter than its table of types"
        self.kinds = bytearray(used.index(kind) for kind in self.kinds)
        self.types = [self.types[kind] for kind in used]
