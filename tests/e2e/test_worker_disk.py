"""Tables on disk: after any death only what is new is read, and what is said stays exact."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from models.errors import Unavailable
from streams.connection import connect
from streams.kafka.admin import create_topics
from streams.kafka.topic_id import load_topic_id
from streams.local_copy import MARK_KEY, Budget, LocalCopy
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.judge import compare, judge, published
from tests.e2e.workers import RULES, drain, send, stored, traffic, with_rules, workers

ACCOUNTS = 4_000
TAIL_MAX = 400  # records: fences, positions, what was under way; a tenth of the accounts
MARKERS = 16  # of the newest transactions: they are no records, but count until they are passed


@pytest.fixture
async def prepared(settings: Settings, tmp_path: Path) -> Settings:
    settings = with_rules(settings, tmp_path / "rules", *RULES)
    await create_topics(settings)
    return settings.model_copy(
        update={"store": "rocksdb", "session_timeout_s": 6.0, "checkpoint_s": 0.5}
    )


def on(folder: Path, settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"data_dir": folder, **changes})


def recovered(worker: Any) -> float:
    """Changelog records that it has read to recover."""
    return float(worker.reading("pathline_changelog_records_total", purpose="recovery"))


async def caught_up(events: int, *settled: Any) -> None:
    """All are applied and committed, and the standbys have them too."""

    def done() -> bool:
        return sum(worker.applied("follow") for worker in settled) >= events and not any(
            worker.reading("pathline_uncommitted_records")
            or worker.reading("pathline_standby_lag_records") > MARKERS
            for worker in settled
        )

    await asyncio.to_thread(settled[0].wait_until, done)


async def compare_copies(settings: Settings) -> None:
    """A worker that has stopped in good order has left copies of all of its changelogs."""
    topics = Topics(settings)
    for topic in (topics.ingest_changelog.name, topics.follow_changelog.name):
        for partition, records in (await stored(settings, topic)).items():
            said = {record.key: record.value for record in records}
            copy = LocalCopy(settings.data_dir / topic / str(partition), Budget())
            assert said == {key: value for key, value in copy.items() if key != MARK_KEY}
            copy.close()


async def test_a_standby_takes_over_where_the_dead_one_was(
    prepared: Settings, tmp_path: Path
) -> None:
    raw = Topics(prepared).raw.name
    rows = list(traffic(12_000, ACCOUNTS, seed=21))
    with workers() as start:
        settings = {name: on(tmp_path / name, prepared, standbys=1) for name in ("one", "two")}
        one, two = (start(settings[name], tmp_path / f"{name}.log") for name in settings)
        for worker in (one, two):
            await asyncio.to_thread(
                worker.wait_until, lambda w=worker: w.reading("pathline_partition_ready") == 4
            )
        await send(prepared, raw, rows[:8_000])
        await caught_up(8_000, one, two)
        assert two.reading("pathline_changelog_records_total", purpose="standby") > ACCOUNTS / 4
        before = recovered(two)
        await asyncio.to_thread(one.kill)
        await send(prepared, raw, rows[8_000:])
        await asyncio.to_thread(
            two.wait_until, lambda: two.reading("pathline_partition_ready") == 8
        )
        assert recovered(two) - before < TAIL_MAX
        await drain(two)
    await compare_copies(settings["two"])
    expected = await judge(prepared)
    assert len(expected.accounts) > ACCOUNTS * 0.9
    compare(await published(prepared), expected)


async def test_killed_again_and_again_it_reads_only_what_is_new(
    prepared: Settings, tmp_path: Path
) -> None:
    raw = Topics(prepared).raw.name
    static = on(tmp_path / "tables", prepared, instance_id="one")
    with workers() as start:
        await send(prepared, raw, traffic(8_000, ACCOUNTS, seed=22))
        worker = start(static, tmp_path / "worker.log")
        await caught_up(8_000, worker)
        feed = asyncio.create_task(send(prepared, raw, traffic(4_000, 100, seed=23), rate=2_000))
        for _ in range(2):
            await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 200)  # noqa: B023
            await asyncio.to_thread(worker.kill)
            worker = start(static, tmp_path / "worker.log")
            await asyncio.to_thread(worker.wait_ready)
            assert recovered(worker) < TAIL_MAX
        await feed
        await drain(worker)
    await compare_copies(static)
    compare(await published(prepared), await judge(prepared))


async def test_a_topic_that_was_made_anew_has_another_id(settings: Settings) -> None:
    await create_topics(settings)
    topic = Topics(settings).follow_changelog.name
    async with connect(settings) as admin:
        first = await load_topic_id(admin, topic)
        assert await load_topic_id(admin, topic) == first
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():  # noqa: ASYNC110 - asks Kafka
            await asyncio.sleep(0.05)
        await create_topics(settings)
        assert await load_topic_id(admin, topic) != first
        with pytest.raises(Unavailable, match="UnknownTopicOrPartition"):
            await load_topic_id(admin, "nobody-made-it")
