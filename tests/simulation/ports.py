"""The other ports of streams/ports.py, on the simulated broker: writer, store, appender, offsets.

Each call of the broker is an await of its own, so a checkpoint can die between every two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from streams.ports import Ends, Row, Rows
from tests.simulation.broker import BEGIN_MS, BUSY, TRANSACTION_TIMEOUT_S, Broker, Offset, Place
from tests.simulation.loop import Loop
from tests.simulation.network import BrokerError, Network
from tests.simulation.process import Process

RETRY_S = 0.02


class ProcessClock:
    """The machine's clock, as its process sees it; the wall may be wrong, and jump."""

    def __init__(self, loop: Loop, process: Process) -> None:
        self._loop = loop
        self._process = process

    def wall_ms(self) -> int:
        return BEGIN_MS + int(self._loop.now_s * 1000) + self._process.skew_ms

    def steady_s(self) -> float:
        return self._loop.now_s


class SimWriter:
    """Stands for streams/writer.py; its transactional id is that of the agent and partition."""

    def __init__(
        self, process: Process, network: Network, broker: Broker, agent: str, source: Place
    ) -> None:
        self.process = process
        self.network = network
        self.broker = broker
        self.id = f"{agent}-{source[1]}"
        self._source = source
        self._epoch = 0
        self._is_stopped = False

    async def start(self) -> None:
        self._epoch = await self._insist(self.broker.start)

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        ends = {}
        async with asyncio.timeout(TRANSACTION_TIMEOUT_S):
            for place, listed in rows.items():
                ends[place] = await self._insist(self.broker.send, self._epoch, place, listed)
            if next is not None:
                at = self._source, Offset(next, note)
                await self._insist(self.broker.send_offset, self._epoch, *at)
            await self._call(self.broker.commit, self._epoch)
        return ends

    async def stop(self) -> None:
        """What is under way fails, as it does with aiokafka's."""
        self._is_stopped = True
        await self.network.ask(lambda: None)

    async def _insist(self, effect: Callable[..., int], *args: Any) -> int:
        answer = BUSY
        while answer == BUSY:
            answer = await self._call(effect, *args)
            await asyncio.sleep(RETRY_S if answer == BUSY else 0)
        return answer

    async def _call(self, effect: Callable[..., Any], *args: Any) -> Any:
        self.process.writer_calls()
        answer = await self.network.ask(effect, self.id, *args)
        if self._is_stopped:
            raise BrokerError("the producer was stopped")
        return answer


class SimStore:
    """Stands for streams/table.py: the table of an agent in this process."""

    def __init__(self, network: Network, broker: Broker, changelog: str) -> None:
        self._network = network
        self._broker = broker
        self._changelog = changelog
        self._tables: dict[int, dict[bytes, bytes]] = {}

    async def recover(self, partition: int) -> None:
        """As Faust does before a partition is opened."""
        log = self._broker.logs[self._changelog, partition]
        self._tables[partition] = await self._network.ask(log.table)

    def load(self, partition: int) -> Mapping[bytes, bytes]:
        return self._tables.get(partition, {})

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], end: int
    ) -> None:
        table = self._tables.setdefault(partition, {})
        for key, value in changes:
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value


class SimAppender:
    """Stands for streams/appender.py."""

    def __init__(self, network: Network, broker: Broker) -> None:
        self._network = network
        self._broker = broker

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        await self._network.ask(self._broker.append, (topic, partition), Row(key, value))


class SimOffsets:
    """Stands for streams/probe.py."""

    def __init__(self, network: Network, broker: Broker) -> None:
        self._network = network
        self.broker = broker

    async def begins(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)

    async def appended(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]:
        logs = self.broker.logs
        found: Mapping[int, int] = await self._network.ask(
            lambda: {p: logs[topic, p].end for p in partitions}
        )
        return found

    async def group(self, topic: str, partitions: Collection[int]) -> Mapping[int, Offset]:
        offsets = self.broker.offsets
        found: Mapping[int, Offset] = await self._network.ask(
            lambda: {p: offsets[topic, p] for p in partitions if (topic, p) in offsets}
        )
        return found
