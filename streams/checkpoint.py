"""What one checkpoint writes: changelog, position, outputs, as rows by topic and partition.

Between the job's snapshot and the writer's transaction; pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from streams.job import Out, Snapshot
from streams.ports import Row, Rows
from streams.position import Position, encode_position, position_key

KEYS_CACHED = 65_536


class Layout(NamedTuple):
    """changelog: its topic. partitions: of every topic that a checkpoint writes to."""

    changelog: str
    partitions: int


@lru_cache(maxsize=KEYS_CACHED)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own clients put the key: murmur2, which is slow in Python, so remembered.

    >>> partition_of(b"acme", 4)
    1
    """
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


def draw_up(
    snapshot: Snapshot, layout: Layout, partition: int, next: int, clock: int
) -> tuple[Rows, list[tuple[bytes, bytes | None]]]:
    """All rows of a checkpoint; and the changelog's among them, which the local store takes."""
    position = encode_position(Position(next, snapshot.header), clock)
    changes = [*snapshot.changes, (position_key(partition), position)]
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


def size_of(rows: Rows) -> int:
    """Bytes of keys and values, uncompressed."""
    return sum(
        len(row.key or b"") + len(row.value or b"") for listed in rows.values() for row in listed
    )
