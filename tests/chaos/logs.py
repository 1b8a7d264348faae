"""Logs that lose, gain or garble records behind the workers' backs: F17, F18, F21."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from streams.appender import KafkaAppender
from streams.connection import client_options, connect
from streams.kafka.admin import create_topics
from streams.reader import Stored
from streams.settings import Settings
from tests.chaos.finding import Finding
from tests.chaos.programs import exit_code
from tests.chaos.site import Site
from tests.chaos.stage import Stage
from tests.e2e.workers import stored

REFUSED = 3


async def refuses(site: Site, found: Finding, name: str, told: str, *arguments: str) -> None:
    """A worker that starts now ends with exit code 3 and says why."""
    worker = site.start(name, arguments=arguments)
    code = await exit_code(worker.worker, 30)
    text = worker.text
    await worker.end()
    del site.workers[name]
    found.promise(code == REFUSED, f"{name}: exit code {code} instead of a refusal: {text[-500:]}")
    found.promise(told in text, f"{name}: it does not say {told!r}: {text[-500:]}")
    found.figures[name] = f"refused, exit code {code}"


async def log_was_cut(stage: Stage) -> Finding:
    """F17. Somebody resets the group's offsets to zero: that changes nothing, the position lies in
    the changelog. Then retention takes records that were not applied, and then somebody makes the
    topic anew: the worker refuses, each time.
    """
    found = Finding("group's offsets reset; then records deleted unapplied; then the topic new")
    async with stage.site("F17") as site:
        one = await site.ready("one", instance_id=None)  # so that the group lets it go at once
        async with site.load(accounts=200, rate=stage.scaled(2_000)):
            await site.pause(3, 4)
        await site.drain()
        await one.stop()
        await _reset_offsets(site.settings, site.topics.raw.name, site.topics.interactions.name)
        await site.ready("after-reset", instance_id=None)
        async with site.load(accounts=200, rate=stage.scaled(2_000)):
            await site.pause(1, 2)
        found = await site.settle(found)
        ingest = site.start("ingest", arguments=("--agents", "ingest"))
        await ingest.ready()
        async with site.load(accounts=200, rate=stage.scaled(2_000)):
            await site.pause(2, 3)
        await _delete_all(site.settings, site.topics.interactions.name)
        await ingest.stop()
        why = "retention has deleted records that were not applied"
        await refuses(site, found, "lost interactions", why, "--agents", "follow")
        await _make_anew(site.settings, site.topics.interactions.name)
        why = "The topic was made anew"
        await refuses(site, found, "another topic", why, "--agents", "follow")
        return found


async def _reset_offsets(settings: Settings, *topics: str) -> None:
    async with AIOKafkaConsumer(
        group_id=settings.app_id, enable_auto_commit=False, **client_options(settings)
    ) as consumer:
        places = [TopicPartition(t, p) for t in topics for p in range(settings.partitions)]
        consumer.assign(places)
        await consumer.commit({place: OffsetAndMetadata(0, "") for place in places})


async def _delete_all(settings: Settings, topic: str) -> None:
    """Every record up to now, as retention does it."""
    places = [TopicPartition(topic, p) for p in range(settings.partitions)]
    async with connect(settings) as admin:
        await admin.delete_records({place: RecordsToDelete(before_offset=-1) for place in places})


async def _make_anew(settings: Settings, topic: str) -> None:
    async with connect(settings) as admin:
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():  # noqa: ASYNC110 - a broker
            await asyncio.sleep(0.2)
    await create_topics(settings)


async def changelog_is_garbled(stage: Stage) -> Finding:
    """F18. The changelog is compacted while it is written and recovered, and some partitions of it
    are nearly empty: nothing changes. Then it holds a record of a later release, and one of
    rubbish: the worker refuses, and skips neither.
    """
    found = Finding("changelog compacted meanwhile; a record of a later version; one of rubbish")
    async with (
        stage.own_kafka("F18", log_roll_ms="1000", log_cleaner_backoff_ms="200") as kafka,
        stage.site("F18", kafka) as site,
    ):
        worker = await site.ready()
        async with site.load(accounts=3, rate=stage.scaled(1_000)):  # some partitions have none
            for _ in range(3):
                await worker.applies(1)
                await site.pause(2, 4)
                found.recovery_s = max(found.recovery_s or 0, await worker.kill())
        found = await site.settle(found)
        changelog = site.topics.follow_changelog.name
        kept = [r for records in (await stored(site.settings, changelog)).values() for r in records]
        found.figures["changelog_records"] = len(kept)
        found.figures["of_it_compacted"] = max(r.offset for r in kept) + 1 - _in_fullest(kept)
        account = next(r for r in reversed(kept) if r.key and r.key[:1] != b"\0")
        good = account.value or b""
        for name, value, why in (
            ("later version", b"\x63" + good[1:], "account state has version 99"),
            ("rubbish", good[:1] + b"\xff\x00rubbish", "cannot be read"),
        ):
            await _overwrite(site.settings, changelog, account, value)
            await refuses(site, found, name, why)
        await _overwrite(site.settings, changelog, account, good)
        await site.ready("mended")
        return await site.settle(found)


def _in_fullest(records: list[Stored]) -> int:
    """Records in the partition with the highest offset."""
    fullest = max(records, key=lambda record: record.offset).partition
    return sum(record.partition == fullest for record in records)


async def _overwrite(settings: Settings, topic: str, record: Stored, value: bytes) -> None:
    appender = KafkaAppender(settings)
    await appender.start()
    await appender.append(topic, record.partition, record.key or b"", value)
    await appender.stop()


async def partitions_grow(stage: Stage) -> Finding:
    """F21. Somebody gives the raw topic more partitions. An account would lie in two of them, so
    the next worker refuses to start.
    """
    found = Finding("raw topic grows from 4 to 6 partitions")
    async with stage.site("F21") as site:
        await site.ready()
        async with site.load(accounts=200, rate=stage.scaled(2_000)):
            await site.pause(2, 3)
        found = await site.settle(found)
        async with connect(site.settings) as admin:
            await admin.create_partitions({site.topics.raw.name: NewPartitions(total_count=6)})
        await refuses(site, found, "grown", "partitions is 6, expected 4")
        return found
