"""The plain producer: single records into a log, outside any transaction.

Ticks, activations of rule sets and fences go this way: what counts is only that they lie in the
log, and a transaction would leave a marker behind each.
"""

from __future__ import annotations

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced

from models.errors import Unavailable
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
            **self._options(),
        )
        await self._producer.start()

    def _options(self) -> dict[str, str]:
        return {}

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        assert self._producer is not None, "started before it is used"
        headers = self._signer.headers(topic, partition, key, value) if self._signer else None
        await self._producer.send_and_wait(topic, value, key, partition, headers=headers)

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()


class SoleAppender(KafkaAppender):
    """One writer at a time: of two with one `transactional_id` the later one, from its start on,
    ends the earlier. Each record is a transaction of its own, since only those can be fenced.
    """

    def __init__(
        self, settings: Settings, transactional_id: str, signer: Signer | None = None
    ) -> None:
        super().__init__(settings, signer)
        self._transactional_id = transactional_id

    def _options(self) -> dict[str, str]:
        return {"transactional_id": self._transactional_id}

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Raises Unavailable once another one was started."""
        assert self._producer is not None, "started before it is used"
        try:
            async with self._producer.transaction():
                await super().append(topic, partition, key, value)
        except ProducerFenced:
            raise Unavailable(
                f"another program that writes as {self._transactional_id} has begun after this one"
                " and ended it: look what it did, then decide whether to repeat this"
            ) from None
