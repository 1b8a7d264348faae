"""The writer of checkpoints, as far as it goes without a broker."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from streams.settings import Settings
from streams.writer import KafkaWriter


async def test_a_commit_that_the_broker_would_have_given_up_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang(producer: AIOKafkaProducer) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(AIOKafkaProducer, "begin_transaction", hang)
    settings = Settings().model_copy(update={"transaction_timeout_s": 0.01})
    writer = KafkaWriter(settings, "follow", "interactions", 0)
    with pytest.raises(TimeoutError):
        await writer.commit({}, 1, "")
    await writer.stop()
