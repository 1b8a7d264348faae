"""A broker that is killed and comes back: the worker goes on or is started again, and is exact."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from streams.broker import EmbeddedKafka
from streams.kafka.admin import create_topics
from streams.topics import Topics
from tests.e2e.judge import compare, judge, published
from tests.e2e.workers import RULES, drain, send, traffic, with_rules, workers
from tests.kafka_settings import settings_for


async def test_a_killed_broker_costs_time_and_nothing_else(
    own_kafka: Callable[[], EmbeddedKafka], tmp_path: Path
) -> None:
    kafka = own_kafka()
    await asyncio.to_thread(kafka.start)
    settings = with_rules(settings_for(kafka.bootstrap, tmp_path), tmp_path / "rules", *RULES)
    await create_topics(settings)
    static = settings.model_copy(update={"instance_id": "one"})
    with workers() as start:
        worker = start(static, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        rows = traffic(12_000, accounts=200, seed=9)
        feed = asyncio.create_task(send(settings, Topics(settings).raw.name, rows, rate=2_000))
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 500)
        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(3)
        await asyncio.to_thread(kafka.start)
        await feed
        if worker.process.poll() is not None:  # a supervisor would start it again
            assert worker.process.returncode == 70, worker.tail
            worker = start(static, tmp_path / "worker.log")
        await drain(worker)
    expected = await judge(settings)
    assert sum(account.applied for account in expected.accounts.values()) > 11_000
    compare(await published(settings), expected)
