"""A checkpoint: changelog, position, outputs, dead letters and offset, in one transaction.

The end of the data path. `draw_up` says what is written; `Checkpointer` writes it. Outputs are in a
hurry, state is not: between two whole checkpoints the outputs go alone, with the position `told`.
Who opens the partition next applies the log again up to there, and says nothing of it. A checkpoint
that fails ends the process: memory is then ahead of the log, and nobody may go on with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from streams.clock import Clock
from streams.job import Out, Snapshot
from streams.metrics import Metrics
from streams.ports import Die, Row, Rows, Store
from streams.position import Position, encode_position, position_key
from streams.shard import Shard

KEYS_CACHED = 65_536
BROKEN = 70


class Layout(NamedTuple):
    """agent: its name. changelog: its topic. partitions: of every topic that is written to."""

    agent: str
    changelog: str
    partitions: int


@lru_cache(maxsize=KEYS_CACHED)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own clients put the key: murmur2, which is slow in Python, so remembered.

    >>> partition_of(b"acme", 4)
    0
    """
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


def draw_up(
    snapshot: Snapshot, layout: Layout, partition: int, position: Position, clock: int
) -> tuple[Rows, list[tuple[bytes, bytes | None]]]:
    """All rows of a checkpoint; and the changelog's among them, which the local store takes."""
    stored = encode_position(position, clock)
    changes = [*snapshot.changes, (position_key(partition), stored)]
    rows = {(layout.changelog, partition): [Row(key, value) for key, value in changes]}
    for out in snapshot.outputs:
        rows.setdefault((out.topic, _partition(out, layout.partitions)), []).append(
            Row(out.key, out.value, out.headers)
        )
    return rows, changes


def _partition(out: Out, partitions: int) -> int:
    if out.partition is not None:
        return out.partition
    assert out.key is not None, "a record without a key names its partition"
    return partition_of(out.key, partitions)


class Checkpointer:
    """Writes the checkpoints of one agent."""

    def __init__(
        self, layout: Layout, store: Store, clock: Clock, metrics: Metrics, die: Die
    ) -> None:
        self._layout = layout
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._die = die

    async def write(self, shard: Shard, *, whole: bool = True) -> None:
        """Everything since the last one. Records are applied meanwhile; they are for the next.

        whole: the state as well, else only what it says.
        """
        async with shard.lock:
            if not shard.has_news:
                return
            started = self._clock.steady_s()
            next, job = shard.next, shard.job
            take = job.snapshot if whole else job.tell
            snapshot = take(self._clock.wall_ms())
            position = Position(next, snapshot.header, next)
            if whole:
                shard.uncommitted = 0
            else:
                position = shard.kept._replace(told=next)
            rows, changes = draw_up(snapshot, self._layout, shard.partition, position, job.clock)
            agent = self._layout.agent
            try:
                offset = next if whole else None  # a hint for monitors, so not with each output
                ends = await shard.writer.commit(rows, offset, snapshot.note)
            except BaseException as error:  # fenced, timed out, broker gone
                self._die(BROKEN, f"{agent}/{shard.partition}: checkpoint failed: {error!r}")
            changelog = self._layout.changelog, shard.partition
            self._store.write(shard.partition, changes, ends[changelog])
            ended = self._clock.steady_s()
            shard.commit(position, ended, ended - started)
            now_ms = self._clock.wall_ms()
            self._metrics.checkpointed(agent, snapshot, rows, ended - started, now_ms)
