"""Long logs in little memory: how much was seen under a name, and whether it is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import NamedTuple

import xxhash

WORD = 2**64


class Difference(NamedTuple):
    """over, under: items too many, too few. disordered: names with the same in another order."""

    over: int
    under: int
    disordered: set[Hashable]


class Chain:
    """Items by name, in order, as digests.

    >>> ours, theirs = Chain(), Chain()
    >>> for item in (b"1", b"2"):
    ...     ours.add("acme", item)
    >>> for item in (b"2", b"1"):
    ...     theirs.add("acme", item)
    >>> ours.differs(theirs)
    Difference(over=0, under=0, disordered={'acme'})
    """

    def __init__(self) -> None:
        self.count: Counter[Hashable] = Counter()
        self._order: dict[Hashable, int] = {}
        self._bag: dict[Hashable, int] = {}

    def add(self, name: Hashable, item: bytes) -> None:
        """One more."""
        self.count[name] += 1
        self._order[name] = xxhash.xxh3_64_intdigest(item, self._order.get(name, 0))
        self._bag[name] = (self._bag.get(name, 0) + xxhash.xxh3_64_intdigest(item)) % WORD

    def differs(self, wanted: Chain) -> Difference:
        """From what was wanted. The same number of others counts as one over and one under."""
        over, under = (self.count - wanted.count).total(), (wanted.count - self.count).total()
        disordered = set()
        for name in self._same_count(wanted):
            if self._bag[name] != wanted._bag[name]:
                over, under = over + 1, under + 1
            elif self._order[name] != wanted._order[name]:
                disordered.add(name)
        return Difference(over, under, disordered)

    def _same_count(self, wanted: Chain) -> Iterator[Hashable]:
        return (name for name, count in self.count.items() if count == wanted.count[name])
