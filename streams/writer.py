"""The transactional writer: all that one checkpoint writes becomes visible at once, or never.

At the end of the data path. One per agent and partition; starting it fences whoever held the
partition before. Whole record batches go out, since a future per record costs ten times the CPU.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata, RecordMetadata, TopicPartition

from streams.connection import client_options
from streams.ports import Ends, Rows
from streams.settings import Settings

BATCH_BYTES = 512 * 1024
# While a partition waits for the markers of the transaction before, a broker of 4.0 or newer
# answers older clients NOT_ENOUGH_REPLICAS, to be tried again (KIP-890); that takes a few ms.
RETRY_MS = 15


class Sent(NamedTuple):
    """A batch on its way. answer: where its first record lies."""

    place: tuple[str, int]
    records: int
    answer: asyncio.Future[RecordMetadata]


class KafkaWriter:
    """transactional.id = {app_id}-{agent}-{partition}."""

    def __init__(self, settings: Settings, agent: str, source: str, partition: int) -> None:
        self._group = settings.app_id
        self._source = TopicPartition(source, partition)
        self._timeout_s = settings.transaction_timeout_s
        self._producer = AIOKafkaProducer(
            **client_options(settings),
            transactional_id=f"{settings.app_id}-{agent}-{partition}",
            transaction_timeout_ms=int(settings.transaction_timeout_s * 1000),
            acks="all",
            compression_type="zstd",
            max_batch_size=BATCH_BYTES,
            linger_ms=0,
            retry_backoff_ms=RETRY_MS,
        )

    async def start(self) -> None:
        await self._producer.start()

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        """TimeoutError when the broker would have given it up by now."""
        producer = self._producer
        async with asyncio.timeout(self._timeout_s):
            await producer.begin_transaction()
            sent = await self._send(rows)
            if next is not None:
                at = {self._source: OffsetAndMetadata(next, note)}
                await producer.send_offsets_to_transaction(at, self._group)
            await asyncio.gather(*(batch.answer for batch in sent))
            await self._end()
        return {one.place: one.answer.result().offset + one.records for one in sent}

    async def _send(self, rows: Rows) -> list[Sent]:
        producer, sent = self._producer, []
        for (topic, partition), records in rows.items():
            waiting = iter(records)
            row = next(waiting, None)
            while row is not None:
                batch = producer.create_batch()  # takes its first record whatever its size
                while row is not None and batch.append(
                    timestamp=None, key=row.key, value=row.value, headers=list(row.headers)
                ):
                    row = next(waiting, None)
                answer = await producer.send_batch(batch, topic, partition=partition)
                sent.append(Sent((topic, partition), batch.record_count(), answer))
        return sent

    async def _end(self) -> None:
        await self._producer.commit_transaction()

    async def stop(self) -> None:
        await self._producer.stop()
