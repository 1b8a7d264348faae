"""What one run shares: its seed's chance, loop, network, broker, group, settings, and its trace."""

from __future__ import annotations

import traceback
from random import Random

from streams.ports import Row
from streams.position import Position, decode_position
from streams.settings import Settings
from streams.topics import Topics
from tests.simulation.broker import Broker, Place
from tests.simulation.group import Group
from tests.simulation.loop import Loop
from tests.simulation.network import BrokerError, Network
from tests.simulation.plants import NONE, Plant

POSITION = b"\x00pos:"


class Site:
    """faults: what was found wrong while it ran; empty when all is well.

    watches: whether positions are looked at with every commit; else only the judge finds faults.
    """

    def __init__(self, seed: int, plant: Plant = NONE, *, watches: bool = True) -> None:
        self.chance = chance = Random(seed)
        self.plant = plant
        self.faults: list[str] = []
        self.trace: list[tuple[float, str, str]] = []
        self.settings = Settings(
            app_id="sim",
            partitions=chance.choice([1, 2, 3]),
            lateness_s=chance.choice([0, 0.5, 2]),
            future_skew_s=20,
            checkpoint_s=chance.choice([0.5, 2]),
            output_delay_s=chance.choice([0.05, 0.3]),
            uncommitted_records_max=chance.choice([7, 100_000]),
            remembered_ids_max=chance.choice([3, 16]),
        )
        self.topics = Topics(self.settings)
        self.loop = Loop(chance)
        self.network = Network(self.loop, chance)
        self.broker = Broker(self.loop, chance)
        sources = self.topics.raw.name, self.topics.interactions.name
        places = [(topic, p) for topic in sources for p in range(self.settings.partitions)]
        self.group = Group(self.loop, chance, places, self._note_seats)
        self._watches = watches
        self._positions: dict[Place, tuple[int, int, int]] = {}
        self.broker.on_commit = self._watch

    def note(self, who: str, what: str) -> None:
        self.trace.append((self.loop.now_s, who, what))

    def excuse(self, error: Exception) -> None:
        """Only the broker may be to blame for what ends a worker."""
        if not isinstance(error, BrokerError):
            self.faults.append("".join(traceback.format_exception(error)))

    def _note_seats(self, generation: int, seats: dict[str, list[Place]]) -> None:
        counted = {name: len(places) for name, places in seats.items()}
        self.note("group", f"generation {generation}: {counted}")

    def _watch(self, id: str, born: int, touched: dict[Place, list[Row]]) -> None:
        """Positions never go back, and nobody writes a partition after who came later."""
        rows = {where(place): len(listed) for place, listed in touched.items()}
        self.note(id, f"commits {rows}")
        for place, listed in touched.items():
            for row in listed:
                if self._watches and (row.key or b"").startswith(POSITION) and row.value:
                    self._check(place, born, decode_position(row.value))

    def _check(self, place: Place, born: int, position: Position) -> None:
        now = born, position.next, position.told
        before = self._positions.get(place, now)
        self._positions[place] = now
        if now[0] < before[0]:
            self.faults.append(f"{where(place)}: an owner writes after the one who came later")
        elif now[1] < before[1] or now[2] < before[2]:
            self.faults.append(f"{where(place)}: the position goes back, {before[1:]} to {now[1:]}")

    def tell(self, lines: int) -> str:
        """The last lines of the trace."""
        return "\n".join(f"{at_s:9.3f}  {who:12} {what}" for at_s, who, what in self.trace[-lines:])


def where(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
