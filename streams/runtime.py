"""The runtime of one agent: fences, opens and feeds its shards. The heart of the shell.

    assigned -> fence -> (Faust recovers the table) -> open -> receive, beat ... -> close -> revoked

Exactly-once rests on three things: the position lies in the changelog, in the same transaction as
the state; a delivery must continue at that position; a failed checkpoint ends the process. See
docs/internals.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple, Protocol

from models.errors import BadRule, BadSetting, Unavailable
from streams.checkpoint import BROKEN, Checkpointer, Layout
from streams.clock import Clock
from streams.collector import uncollected
from streams.control import Control, Tick, encode_control
from streams.job import Job, Poison, Record, TooManyRejects
from streams.metrics import Metrics
from streams.ports import Appender, Die, Horizon, Source, Store, Writer
from streams.position import (
    Position,
    check_position,
    decode_position,
    is_state,
    position_key,
)
from streams.shard import Batch, Pace, Shard, Verdict

log = logging.getLogger(__name__)

FENCE_KEY = b"\x00fence"
SLICE_RECORDS = 500  # applied without a pause; checkpoints go on in between
TRIES_MAX = 10  # to read on, without progress
STOP_S = 5.0
REFUSED = 3


class Agent(Protocol):
    """What is particular to `ingest` and `follow`. source: the topic that it reads."""

    name: str
    source: str

    async def make_job(
        self, partition: int, header: Mapping[str, Any], poison: Sequence[Poison]
    ) -> Job:
        """A job to restore under this header, which is empty for a partition never opened."""

    async def prepare(self, job: Job, records: Sequence[Record]) -> None:
        """Load what the records name, so that the job need not wait."""


class Ports(NamedTuple):
    """All that reaches outside."""

    source: Source
    store: Store
    writer: Callable[[int], Writer]
    appender: Appender
    horizon: Horizon
    clock: Clock
    metrics: Metrics
    die: Die


class Limits(NamedTuple):
    """pace: of checkpoints and ticks. uncommitted_max: records. lateness_ms: of the clock."""

    pace: Pace
    uncommitted_max: int
    lateness_ms: int


class Runtime:
    """The shards of one agent in this worker, by partition. busy: checkpoints that beats began."""

    def __init__(self, agent: Agent, layout: Layout, ports: Ports, limits: Limits) -> None:
        self.agent = agent
        self.shards: dict[int, Shard] = {}
        self._changelog = layout.changelog
        self._ports = ports
        self._limits = limits
        self._checkpoints = Checkpointer(layout, ports.store, ports.clock, ports.metrics, ports.die)
        self.busy: set[asyncio.Task[None]] = set()

    async def fence(self, partitions: Sequence[int], generation: int) -> None:
        """Become the only one who can write these partitions, before the table is recovered."""
        await self.close()
        await asyncio.gather(*(self._fence(p, generation) for p in partitions))

    async def _fence(self, partition: int, generation: int) -> None:
        writer = self._ports.writer(partition)
        await writer.start()
        # Faust's recovery ends when it reads the record before the changelog's end: were that a
        # commit marker, it would wait for ever.
        await self._ports.appender.append(self._changelog, partition, FENCE_KEY, b"")
        now_s = self._ports.clock.steady_s()
        self.shards[partition] = Shard(partition, generation, writer, now_s)

    async def open(self) -> None:
        """The table is recovered: every shard takes up its state and seeks to its position."""
        await asyncio.gather(*(self._open(s) for s in self.shards.values() if not s.ready))

    async def _open(self, shard: Shard) -> None:
        ports, source, partition = self._ports, self.agent.source, shard.partition
        beginning, end = await ports.source.bounds(partition)
        blobs = ports.store.load(partition)
        stored = blobs.get(position_key(partition))
        try:
            position = decode_position(stored) if stored else Position(beginning, {})
            check_position(f"{source}/{partition}", position.next, beginning, end)
            check_position(f"{source}/{partition}", position.told or beginning, beginning, end)
            job = await self.agent.make_job(partition, position.header, shard.poison)
            if position.header:
                with uncollected():
                    state = ((k, v) for k, v in blobs.items() if is_state(k))
                    job.restore(state, position.header)
        except (BadRule, BadSetting, Unavailable) as refusal:
            ports.die(REFUSED, str(refusal))
        shard.open(job, position, ports.clock.steady_s())
        try:
            shard.epoch = await ports.source.seek(partition, position.next)
        except Exception:
            if self._is_ours(shard):
                raise
        shard.ready = self._is_ours(shard)
        if shard.ready:  # else it was revoked meanwhile
            log.info("%s opened at %s", self._name(shard), position.next)
            await self._append(shard, job.greetings())

    async def close(self) -> None:
        """Last checkpoints; then forget everything, since all partitions are revoked at once."""
        await asyncio.gather(*map(self._close, list(self.shards.values())))

    async def _close(self, shard: Shard) -> None:
        await self._checkpoints.write(shard)
        async with shard.lock:  # one that began meanwhile; the next owner would fence it
            shard.ready = False
            if self._is_ours(shard):
                del self.shards[shard.partition]
        with suppress(Exception):
            await asyncio.wait_for(shard.writer.stop(), STOP_S)

    def _is_ours(self, shard: Shard) -> bool:
        """False once its partition was revoked, also when it has come back since."""
        return self.shards.get(shard.partition) is shard

    async def receive(self, partition: int, batch: Batch) -> None:
        """A delivery: apply what continues the log, and nothing else."""
        shard = self.shards.get(partition)
        verdict, records = shard.admit(batch) if shard else (Verdict.STALE, ())
        self._ports.metrics.deliveries.labels(self.agent.name, verdict.value).inc()
        if shard is None or verdict in (Verdict.STALE, Verdict.REPEATED):
            return
        if verdict is Verdict.HOLE:
            await self._read_again(shard, f"{batch.start} came instead of {shard.next}")
            return
        await self.agent.prepare(shard.job, records)
        try:
            if shard.is_retelling:
                again = [record for record in records if record.offset < shard.told]
                records = records[len(again) :]
                await self._apply(shard, again, min(batch.end, shard.told))
            await self._apply(shard, records, batch.end)
        except Poison as poison:
            await self._reopen(shard, poison)
        except TooManyRejects as error:
            self._ports.die(BROKEN, str(error))
        clock = self._ports.clock
        self._checkpoint_if_due(shard, clock.steady_s(), clock.wall_ms())  # no need to wait

    async def _apply(self, shard: Shard, records: Sequence[Record], end: int) -> None:
        """In slices, so that checkpoints and heartbeats of a busy worker do not wait for long."""
        clock, waiting = self._ports.clock, iter(records)
        while shard.ready and shard.next < end:
            is_retold = shard.is_retelling
            piece = list(islice(waiting, SLICE_RECORDS))
            shard.job.apply(piece)
            is_last = len(piece) < SLICE_RECORDS
            shard.moved(end if is_last else piece[-1].offset + 1, piece, clock.steady_s())
            if is_retold:
                shard.job.tell(0)  # the owner before us has said it
            if shard.uncommitted >= self._limits.uncommitted_max:
                await self._checkpoints.write(shard)  # the queue fills, and fetching waits
            elif not is_last:
                await asyncio.sleep(0)

    async def _read_again(self, shard: Shard, why: str) -> None:
        """A delivery was lost on the way."""
        shard.tries += 1
        log.warning("%s: %s; reading again from there", self._name(shard), why)
        if shard.tries > TRIES_MAX:
            self._ports.die(BROKEN, f"{self._name(shard)}: no progress at {shard.next}: {why}")
        try:
            shard.epoch = await self._ports.source.seek(shard.partition, shard.next)
        except Exception as error:  # a rebalance is under way, or the watchdog tries again
            log.warning("%s: seek: %r", self._name(shard), error)

    async def _reopen(self, shard: Shard, poison: Poison) -> None:
        """Back to the last checkpoint, and read again knowing the culprit (quarantine.py)."""
        log.error("%s: the engine failed at %s", self._name(shard), poison.offset)
        shard.ready = False
        async with shard.lock:
            if not shard.learn(poison):
                self._ports.die(BROKEN, f"{self._name(shard)}: the engine fails again and again")
            await self._open(shard)

    async def beat(self) -> None:
        """Housekeeping, some fifty times a second: what is due by time."""
        source, pace = self._ports.source, self._limits.pace
        now_s, now_ms = self._ports.clock.steady_s(), self._ports.clock.wall_ms()
        for shard in [shard for shard in self.shards.values() if shard.ready]:
            end = shard.end = source.end(shard.partition)
            shard.renew(now_s)
            self._checkpoint_if_due(shard, now_s, now_ms)
            if shard.tick_due(now_s, now_ms - self._limits.lateness_ms, end, pace) is not None:
                await self._tick(shard, now_s, now_ms)
            if shard.is_quiet(now_s) and not source.waiting():
                await self._rouse(shard, now_s)

    async def _rouse(self, shard: Shard, now_s: float) -> None:
        """Ask Kafka where the log ends: a fetcher that has died would not know."""
        shard.moved_at = now_s
        _, end = await self._ports.source.bounds(shard.partition)
        if shard.ready and shard.next < end and shard.moved_at == now_s:
            await self._read_again(shard, f"nothing arrives after {shard.next}")

    def _checkpoint_if_due(self, shard: Shard, now_s: float, now_ms: int) -> None:
        pace = self._limits.pace
        if shard.is_checkpoint_due(now_s, now_ms, pace):
            whole = shard.is_whole_due(now_s, now_ms, pace)
            self._spawn(self._checkpoints.write(shard, whole=whole))

    async def _tick(self, shard: Shard, now_s: float, now_ms: int) -> None:
        """Let the clock go on, unless what was sent by now has yet to be read."""
        carried_ms = await self._ports.horizon.carried_ms()
        _, end = await self._ports.source.bounds(shard.partition)
        until_ms = min(now_ms, carried_ms) - self._limits.lateness_ms
        clock_ms = shard.tick_due(now_s, until_ms, end, self._limits.pace)
        if clock_ms is not None:
            shard.ticked_at = now_s
            await self._append(shard, [Tick(clock_ms=clock_ms)])
            self._ports.metrics.ticks.labels(self.agent.name).inc()

    async def _append(self, shard: Shard, controls: Sequence[Control]) -> None:
        for control in controls:
            key, value = encode_control(control)
            await self._ports.appender.append(self.agent.source, shard.partition, key, value)

    @property
    def source(self) -> Source:
        """What the agent reads, for the gauges."""
        return self._ports.source

    def _name(self, shard: Shard) -> str:
        return f"{self.agent.name}/{shard.partition}"

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.busy.add(task)
        task.add_done_callback(self.busy.discard)
