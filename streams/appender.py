"""The plain producer: single records into a log, outside any transaction.

Ticks, activations of rule sets and fences go this way: what counts is only that they lie in the
log, and a transaction would leave a marker behind each.
"""

from __future__ import annotations

from aiokafka import AIOKafkaProducer

from streams.connection import client_options
from streams.keyring import Signer
from streams.settings import Settings


class KafkaAppender:
    """Start it inside the event loop that uses it. signer: of all that it appends."""

    def __init__(self, settings: Settings, signer: Signer | None = None) -> None:
        self._settings = settings
        self._signer = signer
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        self._producer = AIOKafkaProducer(
            **client_options(self._settings),
            acks="all",
            max_request_size=self._settings.message_bytes_max,
        )
        await self._producer.start()

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        assert self._producer is not None, "started before it is used"
        headers = self._signer.headers(topic, partition, key, value) if self._signer else None
        await self._producer.send_and_wait(topic, value, key, partition, headers=headers)

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
