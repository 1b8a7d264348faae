"""Whatever cannot be used is in the dead letters, whole and with its reason; nothing else is lost.

The table of tests/unit/test_ingest.py, on the real Kafka, between events that are fine.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaProducer

from streams.connection import client_options
from streams.kafka.admin import create_topics
from streams.reader import Stored
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import stored, workers
from tests.unit.test_ingest import BAD, encoded, record


async def test_all_that_is_bad_is_told_and_all_that_is_good_arrives(
    settings: Settings, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"rejects_ratio_max": 0.5})
    await create_topics(settings)
    topics = Topics(settings)
    bad = {name: found for name, found in BAD.items() if found[0] != "time_in_future"}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()  # the broker's clock decides
    bad["tomorrow"] = ("time_in_future", record(encoded(time=tomorrow)))
    producer = AIOKafkaProducer(**client_options(settings), max_request_size=8_000_000)
    await producer.start()
    for number, (_, broken) in enumerate(bad.values()):
        await producer.send(topics.raw.name, encoded(id=f"good-{number}"), b"acme")
        await producer.send(
            topics.raw.name, broken.value, broken.key, headers=list(broken.headers) or None
        )
    await producer.stop()
    with workers() as start:
        worker = start(settings, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("ingest") >= 2 * len(bad))
        assert await asyncio.to_thread(worker.stop) == 0
    told = Counter(
        (dict(letter.headers)["dead.reason"].decode(), letter.key, letter.value)
        for letter in await everything(settings, topics.dead_letters.name)
    )
    assert told == Counter((reason, broken.key, broken.value) for reason, broken in bad.values())
    arrived = await everything(settings, topics.interactions.name)
    ids = [json.loads(each.value or b"")["id"] for each in arrived if each.key == b"acme"]
    assert ids == [f"good-{number}" for number in range(len(bad))]


async def everything(settings: Settings, topic: str) -> list[Stored]:
    """All that is committed in the topic; in order within a partition."""
    return [record for found in (await stored(settings, topic)).values() for record in found]
