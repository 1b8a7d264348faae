"""The consumer of a process: fetches what is committed, and delivers it to an agent, or fails to.

Stands for streams/transport.py: batches carry generation, epoch and `[start, end)`. What lies
between fetch and agent may be lost, come twice, or late, also after the partition has gone.
"""

from __future__ import annotations

import asyncio
from random import Random

from streams.shard import Batch
from tests.simulation.broker import Broker
from tests.simulation.loop import Loop
from tests.simulation.network import BrokerError, Network

QUEUED_MAX = 8
LATE_S = (0.01, 0.5, 3.0, 9.0)
FETCH_S = (0.0, 0.0, 0.1, 0.5)  # the fetch before it ends first


class Consumer:
    """One topic, for one agent (streams/ports.py, Source).

    trouble: share of deliveries that something happens to.
    """

    def __init__(
        self, loop: Loop, chance: Random, network: Network, broker: Broker, topic: str
    ) -> None:
        self.queue: asyncio.Queue[tuple[int, Batch]] = asyncio.Queue()
        self.trouble = 0.0
        self.records_max = 40
        self._loop = loop
        self._chance = chance
        self._network = network
        self._broker = broker
        self._topic = topic
        self._generation = -1
        self._assigned: list[int] = []
        self._places: dict[int, int] = {}
        self._epochs: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    async def bounds(self, partition: int) -> tuple[int, int]:
        found: tuple[int, int] = await self._network.ask(
            self._broker.bounds, (self._topic, partition)
        )
        return found

    def end(self, partition: int) -> int | None:
        return self._ends.get(partition)

    def waiting(self) -> int:
        return self.queue.qsize()

    async def seek(self, partition: int, offset: int) -> int:
        await asyncio.sleep(self._chance.choice(FETCH_S))
        if partition not in self._assigned:
            raise BrokerError("not assigned")
        self._places[partition] = offset
        self._epochs[partition] = self._epochs.get(partition, 0) + 1
        await asyncio.sleep(self._network.delay_s())
        return self._epochs[partition]

    def assign(self, generation: int, partitions: list[int]) -> None:
        """Places are unknown until they are sought. What is queued stays, as it may in life."""
        self._generation = generation
        self._assigned = partitions
        self._places = {}
        while self._chance.random() < 0.9 and not self.queue.empty():
            self.queue.get_nowait()

    def fetch(self) -> None:
        """Whatever has come, of all partitions, in any order."""
        if self._network.is_down or self.queue.qsize() >= QUEUED_MAX:
            return
        for partition in self._chance.sample(self._assigned, len(self._assigned)):
            batch = self._take(partition)
            if batch is not None:
                self._deliver(partition, batch)

    def _take(self, partition: int) -> Batch | None:
        start = self._places.get(partition)
        if start is None:
            return None
        log = self._broker.logs[self._topic, partition]
        self._ends[partition] = log.stable_end
        end = min(log.stable_end, start + self._chance.randint(1, self.records_max))
        if end <= start:
            return None
        self._places[partition] = end
        records = log.read(start, end)
        return Batch(records, start, end, self._generation, self._epochs[partition])

    def _deliver(self, partition: int, batch: Batch) -> None:
        draw = self._chance.random() / self.trouble if self.trouble else 1.0
        if draw < 0.3:
            return  # lost
        if draw < 0.6:
            self._loop.call_later(self._chance.choice(LATE_S), self._put, partition, batch)
        if draw >= 0.45:  # at once; what is late as well comes for a second time
            self._put(partition, batch)
        if 0.6 <= draw < 1.0:
            self._put(partition, batch)

    def _put(self, partition: int, batch: Batch) -> None:
        self.queue.put_nowait((partition, batch))
