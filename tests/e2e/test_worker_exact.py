"""The worker on a real Kafka says exactly what the pure engine says, killed or not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import RULES, compare, judge, published, send, traffic, with_rules, workers


async def drained(worker: Any, agent: str, events: int) -> None:
    """Until this worker, alone again, has nothing left to read of `events` in the log."""
    await asyncio.to_thread(
        worker.wait_until,
        lambda: (
            worker.ask("/readyz")[0] == 200
            and worker.reading("pathline_lag_records") == 0
            and worker.reading("pathline_uncommitted_records") == 0
        ),
        180,
    )


async def test_three_kills_and_a_guest_change_nothing(settings: Settings, tmp_path: Path) -> None:
    """100,000 events of 1,000 accounts at 6,000/s; kill -9 three times; a second worker comes and
    goes.
    """
    settings = with_rules(settings, tmp_path / "rules", *RULES)
    own = settings.model_copy(update={"instance_id": "one"})
    await create_topics(settings)
    with workers() as start:
        host = start(own, tmp_path / "host.log")
        await asyncio.to_thread(host.wait_ready)
        rows = traffic(100_000, accounts=1_000, seed=7)
        feed = asyncio.create_task(send(settings, Topics(settings).raw.name, rows, rate=6_000))
        for n, pause_s in enumerate((1.7, 2.3, 1.1)):
            await asyncio.to_thread(host.wait_until, lambda: host.applied("follow"))  # noqa: B023
            await asyncio.sleep(pause_s)
            await asyncio.to_thread(host.kill)
            host = start(own, tmp_path / "host.log")
            await asyncio.to_thread(host.wait_ready)
            if n == 1:
                guest = start(settings, tmp_path / "guest.log")
                await asyncio.to_thread(guest.wait_ready)
        await asyncio.sleep(1)
        assert await asyncio.to_thread(guest.stop) == 0
        await feed
        await drained(host, "follow", 100_000)
        assert await asyncio.to_thread(host.stop) == 0
    expected = await judge(settings)
    assert sum(account.applied for account in expected.accounts.values()) > 90_000
    assert sum(map(len, expected.alerts.values())) > 10_000
    compare(await published(settings), expected)
