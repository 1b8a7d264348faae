"""Deadlines on a real Kafka: they fire after an outage too, and never ahead of an answer."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.admin import create_topics
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import send, stored, with_rules, workers

GOAL_S = 3.0
LATE_S_MAX = 2.0
SLA = {
    "id": "legal",
    "kind": "sla",
    "start": {"type": "contract.revised"},
    "stop": {"type": "legal.replied"},
    "goal": {"within": f"{GOAL_S:.0f}s"},
}


@pytest.fixture
async def prepared(settings: Settings, tmp_path: Path) -> Settings:
    settings = with_rules(settings, tmp_path / "rules", SLA)
    await create_topics(settings)
    return settings.model_copy(update={"lateness_s": 0.0})


def event(type: str, at_s: float, account: str = "acme") -> tuple[bytes, bytes]:
    value = {
        "specversion": "1.0",
        "id": f"{type}-{at_s}",
        "source": "//test/crm",
        "type": type,
        "time": datetime.fromtimestamp(at_s, UTC).isoformat(),
        "subject": account,
    }
    return account.encode(), json.dumps(value).encode()


async def next_alert(settings: Settings, patience_s: float) -> tuple[dict[str, Any], float]:
    """The first alert that comes from now on, and when a read_committed consumer saw it."""
    async with open_reader(settings, Topics(settings).sla_breaches.name) as reader:
        async with asyncio.timeout(patience_s):
            async for record in reader.onward():
                return json.loads(record.value or b""), time.time()
    raise AssertionError("for ever ended")


async def test_a_revision_then_nothing_at_all(prepared: Settings, tmp_path: Path) -> None:
    """The breach is in the log, for committed readers, within 2 s of its deadline."""
    topics = Topics(prepared)
    with workers() as start:
        worker = start(prepared, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        due_s = time.time() + GOAL_S
        await send(prepared, topics.raw.name, [event("contract.revised", due_s - GOAL_S)])
        await asyncio.to_thread(
            worker.wait_until, lambda: worker.reading("pathline_alerts_total", state="firing"), 30
        )
        told = (await stored(prepared, topics.sla_breaches.name)).values()
        assert await asyncio.to_thread(worker.stop) == 0
    (breach,) = [record for records in told for record in records]
    assert json.loads(breach.value or b"")["state"] == "firing"
    assert 0 <= breach.timestamp / 1000 - due_s < LATE_S_MAX


async def test_a_deadline_that_passes_while_nobody_works_fires_once(
    prepared: Settings, tmp_path: Path
) -> None:
    topics = Topics(prepared)
    with workers() as start:
        worker = start(prepared, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        await send(prepared, topics.raw.name, [event("contract.revised", time.time())])
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") == 1)
        await asyncio.to_thread(worker.kill)
        await asyncio.sleep(GOAL_S)
        seen = asyncio.create_task(next_alert(prepared, 40))
        await asyncio.sleep(0.2)
        second = start(prepared, tmp_path / "worker.log")
        assert (await seen)[0]["state"] == "firing"
        await asyncio.sleep(1.5)
        fired = second.reading("pathline_alerts_total", state="firing")
        assert fired == 1
        assert await asyncio.to_thread(second.stop) == 0


async def test_an_answer_that_waits_in_the_raw_topic_is_read_before_the_deadline_speaks(
    prepared: Settings, tmp_path: Path
) -> None:
    """Only `follow` runs at first: the deadline passes, and the answer has yet to be ingested."""
    raw = Topics(prepared).raw.name
    with workers() as start:
        both = start(prepared, tmp_path / "both.log")
        await asyncio.to_thread(both.wait_ready)
        revised_s = time.time()
        await send(prepared, raw, [event("contract.revised", revised_s)])
        await asyncio.to_thread(both.wait_until, lambda: both.applied("follow") == 1)
        assert await asyncio.to_thread(both.stop) == 0
        await send(prepared, raw, [event("legal.replied", revised_s + 1)])
        follow = start(prepared, tmp_path / "follow.log", "--agents", "follow")
        await asyncio.to_thread(follow.wait_ready)
        await asyncio.sleep(GOAL_S + 1)
        assert follow.reading("pathline_deadlines_overdue") == 1
        assert follow.reading("pathline_ticks_total") == 0
        ingest = start(prepared, tmp_path / "ingest.log", "--agents", "ingest")
        await asyncio.to_thread(follow.wait_until, lambda: follow.applied("follow") >= 1)
        await asyncio.to_thread(
            follow.wait_until, lambda: follow.reading("pathline_deadlines_overdue") == 0
        )
        assert follow.reading("pathline_alerts_total") == 0
        for worker in (follow, ingest):
            assert await asyncio.to_thread(worker.stop) == 0
