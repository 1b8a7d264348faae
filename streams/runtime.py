"""The runtime of one agent: fences, opens, feeds and checkpoints its shards. The shell's heart.

    assigned -> fence -> (Faust recovers the table) -> open -> receive, beat ... -> close -> revoked

Exactly-once rests on three things: the position lies in the changelog, in the same transaction as
the state; a delivery must continue at that position; a failed checkpoint ends the process, since
memory is then ahead of the log. See docs/internals.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from models.errors import BadSetting, Unavailable
from streams.checkpoint import Layout, draw_up
from streams.clock import Clock
from streams.control import Tick, encode_control
from streams.job import Job, Poison, Record, TooManyRejects
from streams.metrics import Metrics
from streams.ports import Appender, Source, Store, Writer
from streams.position import Position, check_position, decode_position, position_key
from streams.shard import Batch, Pace, Shard, Verdict

log = logging.getLogger(__name__)

FENCE_KEY = b"\x00fence"
HOLES_MAX = 20  # in a row, without progress
STOP_S = 5.0


class Agent(Protocol):
    """What is particular to `ingest` and `follow`. source: the topic that it reads."""

    name: str
    source: str

    async def make_job(
        self, partition: int, header: Mapping[str, Any], poison: Mapping[int, Poison]
    ) -> Job:
        """A job to restore under this header, which is empty for a partition never opened."""

    async def prepare(self, records: Sequence[Record]) -> None:
        """Load what the records name, so that the job need not wait."""


class Ports(NamedTuple):
    """All that reaches outside. die: log, and end the process at once with this exit code."""

    source: Source
    store: Store
    writer: Callable[[int], Writer]
    appender: Appender
    clock: Clock
    metrics: Metrics
    die: Callable[[int, str], NoReturn]


class Limits(NamedTuple):
    """pace: of checkpoints and ticks. uncommitted_max: records. lateness_ms: of the clock."""

    pace: Pace
    uncommitted_max: int
    lateness_ms: int
    layout: Layout


class Runtime:
    """The shards of one agent in this worker."""

    def __init__(self, agent: Agent, ports: Ports, limits: Limits) -> None:
        self.agent = agent
        self.shards: dict[int, Shard] = {}
        self.stats: Counter[str] = Counter()
        self._ports = ports
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()

    # assignment and revocation

    async def fence(self, partitions: Sequence[int], generation: int) -> None:
        """Become the only one who can write these partitions, before the table is recovered."""
        await self.close()
        await asyncio.gather(*(self._fence(p, generation) for p in partitions))

    async def _fence(self, partition: int, generation: int) -> None:
        ports = self._ports
        writer = ports.writer(partition)
        await writer.start()
        # Faust's recovery ends when it reads the record before the changelog's end: were that a
        # commit marker, it would wait for ever.
        await ports.appender.append(self._limits.layout.changelog, partition, FENCE_KEY, b"")
        now = ports.clock.steady_s()
        self.shards[partition] = Shard(partition, generation, writer, now)

    async def open(self) -> None:
        """The table is recovered: every shard takes up its state and seeks to its position."""
        await asyncio.gather(*(self._open(s) for s in self.shards.values() if not s.ready))

    async def _open(self, shard: Shard) -> None:
        ports, agent, partition = self._ports, self.agent, shard.partition
        beginning, end = await ports.source.bounds(partition)
        blobs = dict(ports.store.load(partition))
        stored = blobs.get(position_key(partition))
        try:
            position = decode_position(stored) if stored else Position(beginning, {})
            check_position(f"{agent.source}/{partition}", position.next, beginning, end)
            job = await agent.make_job(partition, position.header, shard.poison)
            if position.header:
                accounts = [(k, v) for k, v in blobs.items() if k[:1] != b"\x00"]
                job.restore(accounts, position.header)
        except (BadSetting, Unavailable) as refusal:
            ports.die(3, str(refusal))
        shard.open(job, position.next, ports.clock.steady_s())
        shard.epoch = await ports.source.seek(partition, position.next)
        shard.ready = True
        log.info("%s/%s opened at %s", agent.name, partition, position.next)
        for control in job.greetings():
            await ports.appender.append(agent.source, partition, *encode_control(control))

    async def close(self) -> None:
        """Last checkpoints; then forget everything, since all partitions are revoked at once."""
        shards = list(self.shards.values())
        await asyncio.gather(*(self.checkpoint(shard) for shard in shards))
        self.shards = {}
        for shard in shards:
            shard.ready = False
        stops = (asyncio.wait_for(shard.writer.stop(), STOP_S) for shard in shards)
        await asyncio.gather(*stops, return_exceptions=True)

    # input

    async def receive(self, partition: int, batch: Batch) -> None:
        """A delivery: apply what continues the log, and nothing else."""
        shard = self.shards.get(partition)
        verdict, records = shard.admit(batch) if shard else (Verdict.STALE, ())
        self.stats[verdict] += 1
        if shard is None or verdict in (Verdict.STALE, Verdict.REPEATED):
            return
        if verdict is Verdict.HOLE:
            await self._mend(shard, batch.start)
            return
        await self.agent.prepare(records)
        try:
            shard.job.apply(records)
        except Poison as poison:
            await self._reopen(shard, poison)
            return
        except TooManyRejects as error:
            self._ports.die(70, str(error))
        shard.moved(batch, records, self._ports.clock.steady_s())
        if shard.uncommitted >= self._limits.uncommitted_max:
            await self.checkpoint(shard)  # meanwhile the queue fills, and fetching waits

    async def _mend(self, shard: Shard, found: int) -> None:
        """A delivery was lost on the way: read it again."""
        name = f"{self.agent.name}/{shard.partition}"
        log.warning("%s: hole, %s came instead of %s; reading again", name, found, shard.next)
        shard.holes += 1
        if shard.holes > HOLES_MAX:
            self._ports.die(70, f"{name}: {shard.next} does not arrive, whatever is tried")
        await self._seek(shard)

    async def _seek(self, shard: Shard) -> None:
        try:
            shard.epoch = await self._ports.source.seek(shard.partition, shard.next)
        except Exception as error:  # a rebalance is under way, or the watchdog tries again
            log.warning("%s/%s: seek: %r", self.agent.name, shard.partition, error)

    async def _reopen(self, shard: Shard, poison: Poison) -> None:
        """Back to the last checkpoint, and read again knowing the culprit (quarantine.py)."""
        self.stats["poison"] += 1
        log.error("%s/%s: the engine failed: %s", self.agent.name, shard.partition, poison)
        shard.ready = False
        async with shard.lock:
            known = {o: p for o, p in shard.poison.items() if o >= shard.committed}
            if poison.offset in known:
                self._ports.die(70, f"the same record broke the engine twice: {poison}")
            shard.poison = {**known, poison.offset: poison}
            await self._open(shard)

    # checkpoint

    async def checkpoint(self, shard: Shard) -> None:
        """Everything since the last one, in one transaction; a failure ends the process."""
        ports = self._ports
        async with shard.lock:
            if not shard.ready or shard.next == shard.committed:
                return
            started = ports.clock.steady_s()
            next, job = shard.next, shard.job
            snapshot = job.snapshot(ports.clock.wall_ms())
            shard.uncommitted = 0
            rows, changes = draw_up(snapshot, self._limits.layout, shard.partition, next, job.clock)
            try:
                await shard.writer.commit(rows, next)
            except BaseException as error:  # fenced, timed out, broker gone
                name = f"{self.agent.name}/{shard.partition}"
                ports.die(70, f"{name}: checkpoint failed: {error!r}")
            ports.store.write(shard.partition, changes)
            shard.committed, shard.checkpointed_at = next, ports.clock.steady_s()
            ports.metrics.checkpointed(
                self.agent.name,
                snapshot,
                rows,
                shard.checkpointed_at - started,
                ports.clock.wall_ms(),
            )

    # time

    async def beat(self) -> None:
        """Housekeeping, some fifty times a second."""
        ports, pace = self._ports, self._limits.pace
        now_s, now_ms = ports.clock.steady_s(), ports.clock.wall_ms()
        for shard in [shard for shard in self.shards.values() if shard.ready]:
            if shard.is_checkpoint_due(now_s, now_ms, pace):
                self._spawn(self.checkpoint(shard))
            end = ports.source.end(shard.partition)
            clock_ms = shard.tick_due(now_s, now_ms - self._limits.lateness_ms, end, pace)
            if clock_ms is not None:
                shard.ticked_at = now_s
                tick = encode_control(Tick(clock_ms=clock_ms))
                await ports.appender.append(self.agent.source, shard.partition, *tick)
            if shard.is_stalled(now_s, end):
                shard.moved_at = now_s
                await self._mend(shard, -1)

    def end_of(self, shard: Shard) -> int | None:
        """Of its log, as of the newest fetch; see Source."""
        return self._ports.source.end(shard.partition)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
