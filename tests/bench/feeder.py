"""Puts traffic into a topic: all of it at once as preparation, or at a rate by the wall clock.

Whole record batches, partitioned as Kafka's own clients do, so that the benchmark's own work leaves
the cores to what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from itertools import islice

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.structs import RecordMetadata

from streams.connection import client_options
from streams.settings import Settings

BATCH_BYTES = 128 * 1024
LOAD_RECORDS = 2_000  # handed over together when loading
BURST_S = 0.005  # at a rate, what is due goes out this often

Record = tuple[bytes, bytes]
Sent = tuple[asyncio.Future[RecordMetadata], list[bytes]]  # a batch and its values


class _Id(msgspec.Struct):
    id: str


_decode_id = msgspec.json.Decoder(_Id).decode


@cache
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's clients put a key.

    >>> partition_of(b"acct-00001", 4) == partition_of(b"acct-00001", 4) < 4
    True
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


@asynccontextmanager
async def open_feeder(settings: Settings, topic: str) -> AsyncIterator[Feeder]:
    """For a topic with as many partitions as the settings say."""
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        compression_type="zstd",
        max_batch_size=BATCH_BYTES,
    )
    await producer.start()
    try:
        yield Feeder(producer, topic, settings.partitions)
    finally:
        await producer.stop()


class Feeder:
    """bytes: of keys and values sent so far, as they are before compression."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        self.bytes = 0
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    async def load(self, records: Iterator[Record]) -> None:
        """As fast as the broker takes them; returns when all are acknowledged."""
        sent: list[Sent] = []
        while chunk := list(islice(records, LOAD_RECORDS)):
            sent += await self._send(chunk)
        await asyncio.gather(*(future for future, _ in sent))

    async def pace(self, records: Iterator[Record], rate: float) -> dict[str, int]:
        """So many a second; when all are acknowledged, their append times, ms, by event id."""
        began, count = time.monotonic(), 0
        sent: list[Sent] = []
        while True:
            await asyncio.sleep(BURST_S)
            due = int((time.monotonic() - began) * rate) - count
            chunk = list(islice(records, due))
            sent += await self._send(chunk)
            count += len(chunk)
            if len(chunk) < due:
                break
        appended: dict[str, int] = {}
        for future, values in sent:
            at = (await future).timestamp
            assert at is not None, "the broker stamps each record of these topics"
            appended.update((_decode_id(value).id, at) for value in values)
        return appended

    async def _send(self, records: Iterable[Record]) -> list[Sent]:
        sent: list[Sent] = []
        for partition, ours in self._by_partition(records).items():
            while ours:
                batch = self._producer.create_batch()
                taken = 0
                for key, value in ours:
                    if batch.append(timestamp=None, key=key, value=value) is None:
                        break  # full
                    taken += 1
                    self.bytes += len(key) + len(value)
                future = await self._producer.send_batch(batch, self._topic, partition=partition)
                sent.append((future, [value for _, value in ours[:taken]]))
                ours = ours[taken:]
        return sent

    def _by_partition(self, records: Iterable[Record]) -> dict[int, list[Record]]:
        found: dict[int, list[Record]] = {}
        for record in records:
            found.setdefault(partition_of(record[0], self._partitions), []).append(record)
        return found
