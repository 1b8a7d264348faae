"""Asks Kafka for offsets, on a connection of its own.

Beside the data path. On the connection that fetches, each question would wait for the fetch before
it, up to half a second; and it would have to cross threads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.connection import client_options
from streams.settings import Settings

Offsets = Mapping[int, int]
"""By partition."""


class OffsetProbe:
    """A consumer that consumes nothing and joins no group. Start it in the loop that uses it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        self._consumer = AIOKafkaConsumer(
            **client_options(self._settings),
            group_id=self._settings.app_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        await self._consumer.start()

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def begins(self, topic: str, partitions: Collection[int]) -> Offsets:
        """Offset of the first record."""
        found = await self._started.beginning_offsets(
            [TopicPartition(topic, p) for p in partitions]
        )
        return {tp.partition: offset for tp, offset in found.items()}

    async def ends(self, topic: str, partitions: Collection[int]) -> Offsets:
        """One past the last committed record."""
        found = await self._started.end_offsets([TopicPartition(topic, p) for p in partitions])
        return {tp.partition: offset for tp, offset in found.items()}

    @property
    def _started(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "started before it is used"
        return self._consumer
