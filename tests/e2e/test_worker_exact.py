"""The worker on a real Kafka says exactly what the pure engine says, whatever kills it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.connection import connect
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.failing_worker import DIED
from tests.e2e.judge import Verdict, compare, judge, published
from tests.e2e.workers import COMMAND, RULES, drain, send, traffic, with_rules, workers

FAILING = [sys.executable, str(Path(__file__).with_name("failing_worker.py"))]


@pytest.fixture
async def prepared(settings: Settings, tmp_path: Path) -> Settings:
    """Three rules, topics, static membership, so that a restart need not wait for the dead."""
    settings = with_rules(settings, tmp_path / "rules", *RULES)
    await create_topics(settings)
    return settings.model_copy(update={"instance_id": "one"})


async def test_three_kills_and_a_guest_change_nothing(prepared: Settings, tmp_path: Path) -> None:
    """100,000 events of 1,000 accounts; kill -9 three times; a second worker comes and goes."""
    with workers() as start:
        host = start(prepared, tmp_path / "host.log")
        await asyncio.to_thread(host.wait_ready)
        rows = traffic(100_000, accounts=1_000, seed=7)
        feed = asyncio.create_task(send(prepared, Topics(prepared).raw.name, rows, rate=6_000))
        guest = None
        for pause_s in (0.7, 1.3, 2.1):
            await asyncio.to_thread(host.wait_until, lambda: host.applied("follow"))  # noqa: B023
            await asyncio.sleep(pause_s)
            await asyncio.to_thread(host.kill)
            host = start(prepared, tmp_path / "host.log")
            await asyncio.to_thread(host.wait_ready)
            if guest is None:
                alone = prepared.model_copy(update={"instance_id": None})
                guest = start(alone, tmp_path / "guest.log")
                await asyncio.to_thread(guest.wait_ready)
        assert guest is not None
        assert await asyncio.to_thread(guest.stop) == 0
        await feed
        await drain(host)
    expected = await judge(prepared)
    assert sum(account.applied for account in expected.accounts.values()) > 95_000
    compare(await published(prepared), expected)


@pytest.mark.parametrize("where", ["written", "offset"])
async def test_a_death_inside_a_checkpoint_leaves_nothing_to_be_seen(
    where: str, prepared: Settings, tmp_path: Path
) -> None:
    with workers() as start:
        await send(prepared, Topics(prepared).raw.name, traffic(5_000, accounts=50, seed=3))
        for count in (1, 6):
            dying = start(prepared, tmp_path / "dying.log", where, str(count), command=FAILING)
            assert await asyncio.to_thread(dying.process.wait, 60) == DIED
        await drain(start(prepared, tmp_path / "worker.log"))
    expected = await judge(prepared)
    assert sum(account.applied for account in expected.accounts.values()) > 4_500
    compare(await published(prepared), expected)


async def test_a_worker_without_its_state_says_the_same_again(
    prepared: Settings, tmp_path: Path
) -> None:
    """The log decides: worker, pure engine, and a second worker after a wiped state."""
    with workers() as start:
        await send(prepared, Topics(prepared).raw.name, traffic(5_000, accounts=50, seed=4))
        await drain(start(prepared, tmp_path / "first.log"))
        first = await published(prepared)
        compare(first, await judge(prepared))
        async with connect(prepared) as admin:
            await wipe(admin, prepared)
        await create_topics(prepared)
        second = start(prepared, tmp_path / "second.log", "--agents", "follow", command=COMMAND)
        await asyncio.to_thread(
            second.wait_until, lambda: second.applied("follow") >= first_events(first), 60
        )
        await asyncio.sleep(1.5)
        assert await asyncio.to_thread(second.stop) == 0
    both = await published(prepared)
    for place, alerts in both.by_topic().items():
        once = first.by_topic()[place]
        assert alerts == once + once, place


def first_events(verdict: Verdict) -> int:
    return sum(account.applied for account in verdict.accounts.values())


async def wipe(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """The state of `follow`, as an operator would delete it."""
    topics = Topics(settings)
    await admin.delete_topics([topics.follow_changelog.name])
    while topics.follow_changelog.name in await admin.list_topics():  # noqa: ASYNC110 - Kafka's own time
        await asyncio.sleep(0.05)
