"""A world in memory: logs, transactions, fencing, a clock. The shell runs in it as on Kafka.

Deliveries are made by hand, so that a story can lose, repeat or reorder them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from streams.checkpoint import Layout
from streams.job import LogRecord
from streams.metrics import Metrics
from streams.ports import Ends, Rows
from streams.runtime import Limits, Ports, Runtime
from streams.shard import Batch, Pace

NOW_MS = 1_772_442_000_000  # 2026-03-02T09:00Z
GENERATION = 7


class Died(Exception):
    """The process would have ended here."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class HandClock:
    """Time goes on when a story says so."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def wall_ms(self) -> int:
        return self.ms

    def steady_s(self) -> float:
        return self.ms / 1000


class World:
    """What outlives a worker. logs: by topic and partition; a None is a commit marker."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.logs: dict[tuple[str, int], list[LogRecord | None]] = defaultdict(list)
        self.group: dict[tuple[str, int], tuple[int, str]] = {}
        self.owners: dict[tuple[str, int], object] = {}
        self.carried_ms: int | None = None

    def put(self, topic: str, partition: int, *rows: tuple[bytes | None, bytes | None]) -> None:
        log = self.logs[topic, partition]
        for key, value, *headers in rows:
            log.append(LogRecord(len(log), self.clock.ms, key, value, *headers))

    def records(self, topic: str, partition: int = 0) -> list[LogRecord]:
        return [record for record in self.logs[topic, partition] if record is not None]

    def values(self, topic: str, partition: int = 0) -> list[bytes | None]:
        return [record.value for record in self.records(topic, partition)]

    def table(self, topic: str, partition: int = 0) -> dict[bytes, bytes]:
        """What a compacted topic says."""
        last = {record.key: record.value for record in self.records(topic, partition)}
        return {k: v for k, v in last.items() if k is not None and v is not None}

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        self.put(topic, partition, (key, value))

    async def horizon_ms(self) -> int:
        return self.clock.ms if self.carried_ms is None else self.carried_ms


class WorldWriter:
    """Transactions with fencing. broken: the next commit fails before anything is visible."""

    broken: Exception | None = None

    def __init__(self, world: World, agent: str, source: str, partition: int) -> None:
        self._world = world
        self._id = agent, partition
        self._source = source, partition

    async def start(self) -> None:
        self._world.owners[self._id] = self

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        if self._world.owners[self._id] is not self:
            raise RuntimeError("fenced")
        if self.broken:
            raise self.broken
        ends = {}
        for (topic, partition), listed in rows.items():
            self._world.put(topic, partition, *((r.key, r.value, r.headers) for r in listed))
            ends[topic, partition] = len(self._world.logs[topic, partition])
            self._world.logs[topic, partition].append(None)
        if next is not None:
            self._world.group[self._source] = next, note
        return ends

    async def stop(self) -> None:
        """A fenced or stopped writer writes no more; nothing to free."""


class WorldSource:
    """Seeks are remembered; `WorldWorker` delivers."""

    def __init__(self, world: World, topic: str) -> None:
        self._world = world
        self._topic = topic
        self.begin = 0
        self.places: dict[int, int] = {}
        self.epochs: dict[int, int] = defaultdict(int)
        self.queued = 0

    async def bounds(self, partition: int) -> tuple[int, int]:
        return self.begin, len(self._world.logs[self._topic, partition])

    def end(self, partition: int) -> int | None:
        return len(self._world.logs[self._topic, partition])

    def waiting(self) -> int:
        return self.queued

    async def seek(self, partition: int, offset: int) -> int:
        self.places[partition] = offset
        self.epochs[partition] += 1
        return self.epochs[partition]

    def fetch(self, partition: int, records_max: int = 1_000_000) -> Batch:
        """What a fetch would bring, from where the source stands."""
        start = self.places[partition]
        log = self._world.logs[self._topic, partition]
        end = min(len(log), start + records_max)
        self.places[partition] = end
        records = [record for record in log[start:end] if record is not None]
        return Batch(records, start, end, GENERATION, self.epochs[partition])


class WorldStore:
    """The table, as it would be recovered from the changelog."""

    def __init__(self, world: World, changelog: str) -> None:
        self._world = world
        self._changelog = changelog

    def load(self, partition: int) -> Mapping[bytes, bytes]:
        return self._world.table(self._changelog, partition)

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], end: int
    ) -> None:
        """The changelog has it already, and nothing else."""
        changelog = self._world.logs[self._changelog, partition]
        written = [(record.key, record.value) for record in changelog[:end] if record is not None]
        assert written[-len(listed := list(changes)) :] == listed


class _Horizon:
    def __init__(self, world: World) -> None:
        self._world = world

    async def carried_ms(self) -> int:
        return await self._world.horizon_ms()


def die(code: int, message: str) -> NoReturn:
    raise Died(code, message)


class WorldWorker:
    """One agent in one process of the world; what is not committed dies with it."""

    def __init__(
        self, world: World, agent: Any, uncommitted_max: int = 100_000, **pace: float
    ) -> None:
        self.world = world
        self.source = WorldSource(world, agent.source)
        self.metrics = Metrics()
        self.writers: dict[int, WorldWriter] = {}
        changelog = f"{agent.name}-changelog"
        ports = Ports(
            source=self.source,
            store=WorldStore(world, changelog),
            writer=self._writer,
            appender=world,
            horizon=_Horizon(world),
            clock=world.clock,
            metrics=self.metrics,
            die=die,
        )
        limits = Limits(
            Pace(**{"checkpoint_s": 1.0, "output_delay_s": 0.05, "tick_every_s": 1.0, **pace}),
            uncommitted_max=uncommitted_max,
            lateness_ms=0,
        )
        self.agent = agent
        self.runtime = Runtime(agent, Layout(agent.name, changelog, 1), ports, limits)

    def _writer(self, partition: int) -> WorldWriter:
        writer = WorldWriter(self.world, self.agent.name, self.agent.source, partition)
        self.writers[partition] = writer
        return writer

    async def start(self, partitions: Sequence[int] = (0,)) -> WorldWorker:
        await self.runtime.fence(partitions, GENERATION)
        await self.runtime.open()
        return self

    async def read(self, partition: int = 0) -> None:
        """Deliver all that there is."""
        await self.runtime.receive(partition, self.source.fetch(partition))

    async def run_for(self, ms: int, step_ms: int = 20) -> None:
        """Time passes; what is due is done, what is written is delivered."""
        for _ in range(0, ms, step_ms):
            self.world.clock.ms += step_ms
            await self.runtime.beat()
            await settle(self.runtime)
            for partition in self.runtime.shards:
                batch = self.source.fetch(partition)
                if batch.end > batch.start:
                    await self.runtime.receive(partition, batch)

    async def drain(self, partition: int = 0) -> None:
        """Read to the end and commit."""
        await self.read(partition)
        await self.runtime.close()


async def settle(runtime: Runtime) -> None:
    """Until the checkpoints that `beat` began are done."""
    while runtime.busy:
        await asyncio.gather(*runtime.busy)
        await asyncio.sleep(0)  # they take themselves off the set
