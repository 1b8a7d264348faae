"""The consumer group: members, generations, who reads what. Eager, as Faust's is.

A member that is silent for the session is out; it learns of that at its next heartbeat. A new
generation begins when all known members have come back, or the slow ones are given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from tests.simulation.broker import Place
from tests.simulation.loop import Loop

SESSION_S = 6.0
REBALANCE_S = 12.0
LOOK_S = 0.5

Seat = tuple[int, list[Place]]
"""Generation, and what to read."""


class Member:
    """waits: for its seat in the generation that is about to begin; None: it has yet to join."""

    def __init__(self, now_s: float, waits: asyncio.Future[Seat]) -> None:
        self.seen_s = now_s
        self.waits: asyncio.Future[Seat] | None = waits


class Group:
    """places: all there is to read. on_seats: is told each new generation."""

    def __init__(
        self,
        loop: Loop,
        chance: Random,
        places: Sequence[Place],
        on_seats: Callable[[int, dict[str, list[Place]]], None],
    ) -> None:
        self.generation = 0
        self._members: dict[str, Member] = {}
        self._since_s: float | None = None  # of the rebalance under way
        self._loop = loop
        self._chance = chance
        self._places = places
        self._on_seats = on_seats
        self._look_later()

    def join(self, name: str, waits: asyncio.Future[Seat]) -> None:
        self._members[name] = Member(self._loop.now_s, waits)
        self.rebalance()
        self._seat_if_all_came()

    def leave(self, name: str) -> None:
        if self._members.pop(name, None):
            self.rebalance()
            self._seat_if_all_came()

    def beat(self, name: str, generation: int) -> bool:
        """Whether the member's seat is still good."""
        member = self._members.get(name)
        if member is None:
            return False
        member.seen_s = self._loop.now_s
        return generation == self.generation and self._since_s is None

    def rebalance(self) -> None:
        if self._since_s is None:
            self._since_s = self._loop.now_s

    def _look_later(self) -> None:
        self._loop.call_later(LOOK_S, self._look, context=self._loop.outside)

    def _look(self) -> None:
        """Who is silent is out; who does not come is given up."""
        now_s = self._loop.now_s
        late = self._since_s is not None and now_s - self._since_s > REBALANCE_S
        for name, member in list(self._members.items()):
            silent = member.waits is None and now_s - member.seen_s > SESSION_S
            if silent or (late and member.waits is None):
                del self._members[name]
                self.rebalance()
        self._seat_if_all_came()
        self._look_later()

    def _seat_if_all_came(self) -> None:
        members = self._members
        if self._since_s is None or not members or not all(m.waits for m in members.values()):
            return
        self._since_s = None
        self.generation += 1
        seats: dict[str, list[Place]] = {name: [] for name in members}
        names = list(members)
        for place in self._places:
            seats[self._chance.choice(names)].append(place)
        self._on_seats(self.generation, seats)
        for name, member in members.items():
            waits, member.waits, member.seen_s = member.waits, None, self._loop.now_s
            assert waits is not None
            if not waits.done():
                waits.set_result((self.generation, seats[name]))
