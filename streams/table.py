"""The agent's table, as Faust recovers it from the changelog: what is committed, by partition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import faust

CHANGELOG_QUEUE = 131_072  # records that wait for recovery, as Faust has it


def make_table(app: faust.App, name: str, changelog: str, partitions: int) -> TableStore:
    """A table of raw bytes (its schema given otherwise, recovery would read the keys as JSON)."""
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "partitions": partitions,
    }
    topic = app.topic(
        changelog, **raw, key_serializer="raw", value_serializer="raw", acks=False, internal=True,
        compacting=True, allow_empty=True, maxsize=CHANGELOG_QUEUE,
    )  # fmt: skip
    return TableStore(app.Table(name, **raw, changelog_topic=topic))


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
