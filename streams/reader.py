"""Reads topics from outside the data path: what is committed, by nobody's group, leaving no trace.

For commands and the demo. Without a group every partition is its own, and nothing is written down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from models.errors import BadSetting, Unavailable
from streams.connection import client_options, connect
from streams.settings import Settings
from streams.topics import Topics

POLL_MS = 200

Offsets = Mapping[TopicPartition, int]
Stored = ConsumerRecord[bytes, bytes]


def append_order(record: Stored) -> tuple[int, int, int]:
    """By append time; equal times keep the order of their partition."""
    return record.timestamp, record.partition, record.offset


def short_names(settings: Settings) -> dict[str, str]:
    """What a person may write for a topic of ours.

    >>> short_names(Settings())["sla-breaches"]
    'pathline.sla-breaches.v1'
    """
    return {name.replace("_", "-"): topic.name for name, topic in vars(Topics(settings)).items()}


async def find_topic(settings: Settings, name: str) -> str:
    """The topic of this name, full or short; raises BadSetting with those that there are."""
    async with connect(settings) as admin:
        present = set(await admin.list_topics())
    if name in present:
        return name
    short = short_names(settings)
    if short.get(name) in present:
        return short[name]
    known = ", ".join(sorted(key for key, topic in short.items() if topic in present))
    raise BadSetting(
        f"there is no topic {name}. Short names that work here: {known}."
        if known
        else f"there is no topic {name}, and none of Pathline: make them with"
        " `pathline topics create`"
    )


@asynccontextmanager
async def open_reader(settings: Settings, *topics: str) -> AsyncIterator[Reader]:
    """A reader at the beginning of every partition. Raises Unavailable when Kafka fails."""
    consumer = AIOKafkaConsumer(
        *topics,
        **client_options(settings),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=POLL_MS,
    )
    try:
        await consumer.start()
        reader = Reader(consumer)
        await reader.look()
        yield reader
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {settings.broker} failed: {error!r}") from None
    finally:
        await consumer.stop()


class Reader:
    """begins, ends: offsets as they were when it was opened; what is not committed is beyond."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.begins: Offsets = {}
        self.ends: Offsets = {}

    async def look(self) -> None:
        """Take down where the partitions begin and end, and go to their beginnings."""
        places = list(self._consumer.assignment())
        self.begins = await self._consumer.beginning_offsets(places)
        self.ends = await self._consumer.end_offsets(places)
        self.seek(self.begins)

    def seek(self, offsets: Offsets) -> None:
        """Go on from these offsets."""
        for place, offset in offsets.items():
            self._consumer.seek(place, offset)

    async def seek_time(self, places: Iterable[TopicPartition], at_ms: int) -> None:
        """Go on from what was appended at that instant or later; the other partitions are done."""
        self.seek(self.ends)
        found = await self._consumer.offsets_for_times(dict.fromkeys(places, at_ms))
        self.seek({place: at.offset for place, at in found.items() if at is not None})

    async def to_end(self) -> AsyncIterator[Stored]:
        """What is committed from here to `ends`; in order within a partition."""
        while not await self._at_end():
            for record in await self._poll():
                if record.offset < self.ends[TopicPartition(record.topic, record.partition)]:
                    yield record

    async def onward(self) -> AsyncIterator[Stored]:
        """What is committed after `ends`, for ever."""
        self.seek(self.ends)
        while True:
            for record in await self._poll():
                yield record

    async def _poll(self) -> list[Stored]:
        batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        found = [record for records in batches.values() for record in records]
        return sorted(found, key=append_order)

    async def _at_end(self) -> bool:
        for place, end in self.ends.items():
            if await self._consumer.position(place) < end:
                return False
        return True
