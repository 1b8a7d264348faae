"""The agent's table: Faust recovers it from the changelog, and it holds what is committed.

Before the first delivery. Its bytes lie in memory, or in a copy on disk (streams/disk_store.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, cast

import faust
from faust.tables import TableManager
from faust.types import EventT

from streams.checkpoint import BROKEN
from streams.logs import SERVICES, tell_error
from streams.metrics import Metrics
from streams.shard import Batch
from streams.transport import BatchTopic

BATCHES_AT_ONCE = 2  # 1 has a meaning of its own: Faust would go on reading the changelog


class Kept(Protocol):
    """Where the bytes of a table lie."""

    def take(self, partition: int, batch: Batch) -> None:
        """What was read of the changelog, in its order."""


class BatchTable(faust.Table[Any, Any]):
    """A table that is recovered by whole batches: a record at a time takes 20 times as long, and a
    changelog holds many records of an account until it is compacted.
    """

    logger = SERVICES
    kept: Kept
    metrics: Metrics

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        standbys = cast(TableManager, self.app.tables).recovery.standby_tps
        for event in batch:
            message, records = event.message, cast(Batch, event.value).records
            if message.topic != self.changelog_topic.get_topic_name():
                continue  # of a partition that is not ours any more: Faust takes the last table
            purpose = "standby" if message.tp in standbys else "recovery"
            self.metrics.changelog_records.labels(self.name, purpose).inc(len(records))
            try:
                self.kept.take(message.partition, cast(Batch, event.value))
            except Exception as error:  # Faust would log it and go on, and records would be lost
                cast(Any, self.app).die(BROKEN, f"{self.name}: {tell_error(error)}")


def make_table(
    app: faust.App, name: str, changelog: str, partitions: int, metrics: Metrics
) -> BatchTable:
    """A table of raw bytes, read from the topic `changelog`; give it something to be kept in."""
    topic = BatchTopic(
        app, topics=[changelog], key_type=bytes, value_type=bytes, partitions=partitions,
        key_serializer="raw", value_serializer="raw", internal=True,
    )  # fmt: skip
    table = app.Table(
        name, key_type=bytes, value_type=bytes, partitions=partitions, changelog_topic=topic,
        recovery_buffer_size=BATCHES_AT_ONCE, standby_buffer_size=1,
    )  # fmt: skip
    made = cast(BatchTable, table)
    made.metrics = metrics
    return made


class TableStore:
    """The store behind a Faust table in memory (streams/ports.py, Store).

    Writing through the table itself would send each change to the changelog a second time.
    """

    def __init__(self, table: BatchTable) -> None:
        self._table: Any = table
        table.kept = self

    def load(self, partition: int) -> dict[bytes, bytes]:
        store = self._table.data
        return {
            key: store.data[key]
            for key, owner in store._key_partition.items()
            if owner == partition and store.data.get(key) is not None
        }

    def take(self, partition: int, batch: Batch) -> None:
        self._change(partition, ((record.key or b"", record.value) for record in batch.records))

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], end: int
    ) -> None:
        self._change(partition, changes)

    def _change(self, partition: int, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        store = self._table.data
        for key, value in changes:
            if value is None:
                store.data.pop(key, None)
                store._key_partition.pop(key, None)
            else:
                store.data[key] = value
                store._key_partition[key] = partition
