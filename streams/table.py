"""The agent's table, as Faust recovers it from the changelog: what is committed, by partition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import faust
from faust.types import EventT

from streams.logs import SERVICES
from streams.shard import Batch
from streams.transport import BatchTopic

BATCHES_AT_ONCE = 2  # 1 has a meaning of its own: Faust would go on reading the changelog


class BatchTable(faust.Table[Any, Any]):
    """A table that is recovered by whole batches: a record at a time takes 20 times as long, and a
    changelog holds many records of an account until it is compacted.
    """

    logger = SERVICES

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        store = TableStore(self)
        for event in batch:
            records = cast(Batch, event.value).records
            changes = ((record.key or b"", record.value) for record in records)
            store.write(event.message.partition, changes)


def make_table(app: faust.App, name: str, changelog: str, partitions: int) -> TableStore:
    """A table of raw bytes, kept in the topic `changelog`."""
    topic = BatchTopic(
        app, topics=[changelog], key_type=bytes, value_type=bytes, partitions=partitions,
        key_serializer="raw", value_serializer="raw", internal=True,
    )  # fmt: skip
    table = app.Table(
        name, key_type=bytes, value_type=bytes, partitions=partitions, changelog_topic=topic,
        recovery_buffer_size=BATCHES_AT_ONCE,
    )  # fmt: skip
    return TableStore(table)


class TableStore:
    """The store behind a Faust table in memory (streams/ports.py, Store).

    Writing through the table itself would send each change to the changelog a second time.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def load(self, partition: int) -> dict[bytes, bytes]:
        store = self._table.data
        return {
            key: store.data[key]
            for key, owner in store._key_partition.items()
            if owner == partition and store.data.get(key) is not None
        }

    def write(self, partition: int, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        store = self._table.data
        for key, value in changes:
            if value is None:
                store.data.pop(key, None)
                store._key_partition.pop(key, None)
            else:
                store.data[key] = value
                store._key_partition[key] = partition
