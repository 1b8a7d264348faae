"""How busy those are who do the work: events of each resource or group, fading with time.

One for each partition and task, on the follow side: it sees the accounts of its partition only.
"""

from __future__ import annotations

import msgspec

from models.errors import BadInput
from models.learners.case_features import Tally

VERSION = 1
NAMES_MAX = 1024  # of each path
ALL = ""  # everybody together; a name is never empty


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    halves_ms: tuple[int, ...]
    tallies: tuple[dict[str, Tally], ...]


class Workload:
    """Tallies by path and name. The name that was silent longest gives way.

    >>> load = Workload(("data.team",), (3_600_000,))
    >>> load.add(0, "blue", at=0); load.add(0, "red", at=3_600_000)
    >>> load.of(0, "blue", 3_600_000), load.of(0, ALL, 3_600_000)
    ([0.5], [1.5])
    """

    def __init__(self, paths: tuple[str, ...], halves_ms: tuple[int, ...]) -> None:
        self.halves_ms = halves_ms
        self._tallies: tuple[dict[str, Tally], ...] = tuple({} for _ in paths)
        self.evicted = 0

    def add(self, path: int, name: str, at: int) -> None:
        """One more event of a name (not empty), at `at` ms."""
        tallies = self._tallies[path]
        for who in (name, ALL):
            tally = tallies.pop(who, None) or Tally(at)
            tally.add(at, self.halves_ms)
            tallies[who] = tally
        if len(tallies) > NAMES_MAX + 1:  # and ALL
            del tallies[next(iter(tallies))]
            self.evicted += 1

    def of(self, path: int, name: str, now: int) -> list[float]:
        """Its events up to `now`, faded by each half-life."""
        tally = self._tallies[path].get(name)
        return tally.left(now, self.halves_ms) if tally else [0.0] * len(self.halves_ms)

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(_State(VERSION, self.halves_ms, self._tallies))

    def restore(self, state: bytes) -> None:
        """Raises BadInput when it is not the dump of a workload with these paths and half-lives."""
        try:
            found = msgspec.msgpack.decode(state, type=_State)
        except msgspec.MsgspecError as error:
            raise BadInput("bad_workload", str(error)) from None
        mine = (VERSION, self.halves_ms, len(self._tallies))
        if (found.version, found.halves_ms, len(found.tallies)) != mine:
            raise BadInput("bad_workload", "of another version, or of a task with other features")
        self._tallies = found.tallies
