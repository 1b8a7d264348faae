"""Bugs planted on purpose, to see that the simulation finds them: one each, none in production."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

from streams import checkpoint
from streams.checkpoint import Checkpointer
from streams.horizon import RawHorizon
from streams.job import Record
from streams.ports import Ends, Rows
from streams.position import Position, encode_position
from streams.runtime import Runtime
from streams.shard import Batch, Shard, Verdict
from tests.simulation.log import PartitionLog
from tests.simulation.network import BrokerError
from tests.simulation.ports import SimOffsets, SimWriter

Patch = Callable[[], AbstractContextManager[Any]]


class Plant(NamedTuple):
    """writer: in place of the right one. patch: of production code, for as long as a run takes."""

    name: str
    writer: type[SimWriter] = SimWriter
    patch: Patch = nullcontext


class UnfencedWriter(SimWriter):
    """A transactional id of its own for each start: nobody fences anybody."""

    async def start(self) -> None:
        self.id = f"{self.id}-{self.process.name}"
        await super().start()


class SplitWriter(SimWriter):
    """State and position first, outputs and offset in a second transaction."""

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        state = {place: rows[place] for place in rows if "changelog" in place[0]}
        outputs = {place: rows[place] for place in rows if place not in state}
        ends = await super().commit(state, None, "")
        if outputs or next is not None:
            await super().commit(outputs, next, note)
        return ends


class OutputsFirstWriter(SimWriter):
    """The other way round."""

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        state = {place: rows[place] for place in rows if "changelog" in place[0]}
        outputs = {place: rows[place] for place in rows if place not in state}
        if outputs:
            await super().commit(outputs, None, "")
        return await super().commit(state, next, note)


class LooseLettersWriter(SimWriter):
    """Dead letters outside of the transaction."""

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        letters = [place for place in rows if "dead-letters" in place[0]]
        for place in letters:
            await self.network.ask(self.broker.append, place, *rows[place])
        rest = {place: rows[place] for place in rows if place not in letters}
        return await super().commit(rest, next, note)


class ForgivingWriter(SimWriter):
    """A checkpoint that fails is taken for one that does not."""

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        with suppress(BrokerError):
            return await super().commit(rows, next, note)
        return dict.fromkeys(rows, 0)


class NoLock:
    """Several checkpoints of a shard at a time."""

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)

    async def __aexit__(self, *error: object) -> None:
        """Nothing to release."""

    def locked(self) -> bool:
        return False


def _admit(self: Shard, batch: Batch) -> tuple[Verdict, Sequence[Record]]:
    stale = not self.ready or batch.generation != self.generation or batch.epoch < self.epoch
    return (Verdict.STALE, ()) if stale else (Verdict.FITS, batch.records)


def _encode_untold(position: Position, clock: int) -> bytes:
    return encode_position(position._replace(told=position.next), clock)


_write = Checkpointer.write


async def _write_too_early(self: Checkpointer, shard: Shard, *, whole: bool = True) -> None:
    """The snapshot is taken before the lock, the position after it."""
    if not shard.has_news:
        return
    taken = (shard.job.snapshot if whole else shard.job.tell)(0)
    with mock.patch.multiple(shard.job, snapshot=lambda now_ms: taken, tell=lambda now_ms: taken):
        await _write(self, shard, whole=whole)


async def _hurry(self: RawHorizon) -> int:
    return self._clock.wall_ms()


async def _look_at_stable_ends(
    self: SimOffsets, topic: str, partitions: Collection[int]
) -> Mapping[int, int]:
    return {p: self.broker.logs[topic, p].stable_end for p in partitions}


async def _leave_early(self: Runtime) -> None:
    """A checkpoint that began during the last ones is left alone."""
    shards = list(self.shards.values())
    await asyncio.gather(*map(self._checkpoints.write, shards))
    self.shards = {}
    for shard in shards:
        shard.ready = False
    await asyncio.gather(*(shard.writer.stop() for shard in shards))


NONE = Plant("none")
_of = partial(partial, mock.patch.object)
PLANTS = [
    Plant("no position check", patch=_of(Shard, "admit", _admit)),
    Plant("no fencing", UnfencedWriter),
    Plant("no watchdog", patch=_of(Shard, "is_quiet", lambda *_: False)),
    Plant("what was told is not noted", patch=_of(checkpoint, "encode_position", _encode_untold)),
    Plant("what was told is told again", patch=_of(Shard, "is_retelling", False)),
    Plant("state before outputs", SplitWriter),
    Plant("outputs before state", OutputsFirstWriter),
    Plant("dead letters outside of the transaction", LooseLettersWriter),
    Plant("a failed checkpoint is forgiven", ForgivingWriter),
    Plant("no lock", patch=partial(mock.patch, "streams.shard.asyncio.Lock", NoLock)),
    Plant("a snapshot before the lock", patch=_of(Checkpointer, "write", _write_too_early)),
    Plant("uncommitted is read", patch=_of(PartitionLog, "stable_end", PartitionLog.end)),
    Plant("ticks do not wait for ingest", patch=_of(RawHorizon, "carried_ms", _hurry)),
    # What the simulation has found, planted again.
    Plant(
        "time passes an open transaction", patch=_of(SimOffsets, "appended", _look_at_stable_ends)
    ),
    Plant("partitions are left too early", patch=_of(Runtime, "close", _leave_early)),
    Plant("what was revoked is opened", patch=_of(Runtime, "_is_ours", lambda *_: True)),
]
