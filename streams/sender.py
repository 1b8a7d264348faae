"""Puts records into a topic, from outside the data path: commands and the demo send with it.

The worker has its own, transactional way (`checkpoint`); this one is idempotent and waits for all
replicas, so a retry of the client neither repeats nor loses a record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from models.errors import BadInput, Unavailable
from streams.clock import Clock
from streams.connection import client_options
from streams.replay_guard import refuse_record
from streams.settings import Settings

UNACKNOWLEDGED_MAX = 10_000  # records; beyond that `send` waits
BURST_S = 0.005  # with a rate, records of so long go out together
LINGER_MS = 5


class Sender:
    """An open producer for one topic; leaving it waits until every record is acknowledged.

    rate: records per second at most; None: as fast as the broker takes them.
    """

    def __init__(
        self, settings: Settings, topic: str, clock: Clock, rate: float | None = None
    ) -> None:
        self.topic = topic
        self.sent = 0
        self._broker = settings.broker
        self._prefix = settings.topic_prefix
        self._clock = clock
        self._rate = rate
        self._began = 0.0
        self._pending: deque[asyncio.Future[RecordMetadata]] = deque()
        self._producer = AIOKafkaProducer(
            **client_options(settings),
            enable_idempotence=True,
            acks="all",
            compression_type="zstd",
            linger_ms=LINGER_MS,
            max_request_size=settings.message_bytes_max,
        )

    async def send(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> asyncio.Future[RecordMetadata]:
        """Hand a record over; the future tells its partition, offset and append time.

        Raises BadInput for a record larger than the topic takes or one of a backtest, Unavailable
        when Kafka fails.
        """
        refuse_record(self._prefix, self.topic, headers)
        await self._pace()
        if len(self._pending) >= UNACKNOWLEDGED_MAX:
            await self._acknowledged(self._pending.popleft())
        try:
            future: asyncio.Future[RecordMetadata] = await self._producer.send(
                self.topic, value, key, headers=list(headers)
            )
        except MessageSizeTooLargeError as error:
            raise BadInput("too_large", str(error)) from None
        except KafkaError as error:
            raise self._unavailable(error) from None
        self._pending.append(future)
        self.sent += 1
        return future

    async def __aenter__(self) -> Sender:
        try:
            await self._producer.start()
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            raise self._unavailable(error) from None
        self._began = self._clock.steady_s()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            while self._pending and error is None:
                await self._acknowledged(self._pending.popleft())
        finally:
            await self._producer.stop()

    async def _acknowledged(self, future: asyncio.Future[RecordMetadata]) -> None:
        try:
            await future
        except KafkaError as error:
            raise self._unavailable(error) from None

    async def _pace(self) -> None:
        if self._rate is not None:
            ahead_s = self._began + self.sent / self._rate - self._clock.steady_s()
            if ahead_s > BURST_S:
                await asyncio.sleep(ahead_s)

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"{self.sent} records are on their way to {self.topic}, then Kafka at {self._broker}"
            f" failed: {error!r}. Events sent twice do no harm: their ids are remembered."
        )
