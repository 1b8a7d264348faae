"""Asks Kafka for offsets, on connections of its own.

Beside the data path. On the connection that fetches, each question would wait for the fetch before
it, up to half a second; and it would have to cross threads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.connection import client_options
from streams.kafka.topic_id import load_topic_id
from streams.settings import Settings

Offsets = Mapping[int, int]
"""By partition."""


class OffsetProbe:
    """Consumes nothing and joins no group. Start it in the loop that uses it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer
        self._uncommitted: AIOKafkaConsumer
        self._admin: AIOKafkaAdminClient

    async def start(self) -> None:
        options = client_options(self._settings)
        self._consumer = AIOKafkaConsumer(**options, isolation_level="read_committed")
        self._uncommitted = AIOKafkaConsumer(**options)
        self._admin = AIOKafkaAdminClient(**options)
        await self._consumer.start()
        await self._uncommitted.start()
        await self._admin.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._uncommitted.stop()
        await self._admin.close()

    async def begins(self, topic: str, partitions: Collection[int]) -> Offsets:
        """Offset of the first record."""
        found = await self._consumer.beginning_offsets(_places(topic, partitions))
        return {place.partition: offset for place, offset in found.items()}

    async def ends(self, topic: str, partitions: Collection[int]) -> Offsets:
        """One past the last committed record."""
        found = await self._consumer.end_offsets(_places(topic, partitions))
        return {place.partition: offset for place, offset in found.items()}

    async def appended(self, topic: str, partitions: Collection[int]) -> Offsets:
        """One past the last record, also where a transaction is open."""
        found = await self._uncommitted.end_offsets(_places(topic, partitions))
        return {place.partition: offset for place, offset in found.items()}

    async def topic_id(self, topic: str) -> str:
        """See streams/kafka/topic_id.py."""
        return await load_topic_id(self._admin, topic)

    async def group(
        self, topic: str, partitions: Collection[int]
    ) -> Mapping[int, OffsetAndMetadata]:
        """Where our group stands, and its notes; a partition without an offset is left out."""
        found = await self._admin.list_consumer_group_offsets(
            self._settings.app_id, partitions=_places(topic, partitions)
        )
        return {place.partition: at for place, at in found.items() if at.offset >= 0}


def _places(topic: str, partitions: Collection[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for partition in partitions]
