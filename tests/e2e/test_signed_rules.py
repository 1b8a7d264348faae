"""Rule sets on the real topic: with a key, what is not signed for that place is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from models.errors import BadSetting
from rules.loader import load
from streams.appender import KafkaAppender
from streams.clock import SystemClock
from streams.connection import client_options
from streams.kafka.admin import create_topics
from streams.keyring import HEADER, Key, Keyring, Refusal, Signer
from streams.reader import open_reader
from streams.settings import Settings
from streams.shelf import RuleShelf, fetch_from
from streams.topics import Topics

RING = Keyring([Key("k1", b"s" * 32, None)])
GARBAGE = b'{"v":1,"rules":[],"calendars":[]}'


@asynccontextmanager
async def appending(settings: Settings, signer: Signer | None) -> AsyncIterator[KafkaAppender]:
    appender = KafkaAppender(settings, signer)
    await appender.start()
    try:
        yield appender
    finally:
        await appender.stop()


async def test_the_newest_signed_one_counts_whatever_was_written_over_it(
    settings: Settings,
) -> None:
    await create_topics(settings)
    topic = Topics(settings).rules.name
    refused: list[Refusal] = []
    fetch = fetch_from(settings, topic, RING, refused.append)
    shelf = RuleShelf(load(settings.rules, settings.calendars), topic, fetch)
    digest = shelf.own.digest
    async with appending(settings, None) as stranger:
        await shelf.publish(stranger)
        assert (await fetch(digest), refused.pop()) == (None, Refusal.UNSIGNED)
        async with appending(settings, Signer(RING, SystemClock())) as worker:
            await shelf.publish(worker)
            await shelf.publish(worker)
        content = await fetch(digest)
        assert content is not None
        await stranger.append(topic, 0, digest.encode(), GARBAGE)
    await copy_signature(settings, topic, digest)
    refused.clear()
    assert await fetch(digest) == content
    assert refused == [Refusal.UNSIGNED, Refusal.UNSIGNED, Refusal.FORGED]
    assert await fetch_from(settings, topic)(digest) == GARBAGE, "without a key the last one counts"


async def copy_signature(settings: Settings, topic: str, digest: str) -> None:
    """Somebody puts the signature that lies there beside other content."""
    async with open_reader(settings, topic) as reader:
        found = [dict(r.headers).get(HEADER) async for r in reader.to_end()]
    signatures = [signature for signature in found if signature]
    assert len(signatures) == 1, "a set that is there is not published again"
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    headers = [(HEADER, signatures[0])]
    await producer.send_and_wait(topic, GARBAGE, digest.encode(), 0, headers=headers)
    await producer.stop()


async def test_a_rule_set_that_a_log_names_and_nobody_signed_is_missed(settings: Settings) -> None:
    await create_topics(settings)
    topic = Topics(settings).rules.name
    book = load(settings.rules, settings.calendars)
    shelf = RuleShelf(book, topic, fetch_from(settings, topic, RING))
    async with appending(settings, None) as stranger:
        await stranger.append(topic, 0, b"other", GARBAGE)
    with pytest.raises(BadSetting, match="does not hold"):
        await shelf.load("other")
