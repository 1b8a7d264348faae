"""Where a log ends, as Kafka tells it: for those who read what is committed, and for nobody."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer

from streams.connection import client_options
from streams.kafka.admin import create_topics
from streams.probe import OffsetProbe
from streams.settings import Settings
from streams.topics import Topics


async def test_what_waits_behind_an_open_transaction_is_appended_and_not_committed(
    settings: Settings,
) -> None:
    await create_topics(settings)
    raw, probe = Topics(settings).raw.name, OffsetProbe(settings)
    source = AIOKafkaProducer(**client_options(settings), transactional_id=f"{settings.app_id}-src")
    await source.start()
    await probe.start()
    try:
        async with source.transaction():
            await source.send_and_wait(raw, b"first", partition=0)
            assert (await probe.ends(raw, [0]), await probe.appended(raw, [0])) == ({0: 0}, {0: 1})
    finally:
        await probe.stop()
        await source.stop()
