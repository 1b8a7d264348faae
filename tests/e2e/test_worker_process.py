"""The worker as a process: how it starts, what it shows, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka.admin import NewTopic

from streams.connection import connect
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import RULES, send, stored, traffic, with_rules, workers

READY_S_MAX = 5.0
STOP_S_MAX = 10.0


@pytest.fixture
async def prepared(settings: Settings, tmp_path: Path) -> Settings:
    settings = with_rules(settings, tmp_path / "rules", *RULES)
    await create_topics(settings)
    return settings


async def test_nothing_listens_but_the_metrics_port(prepared: Settings, tmp_path: Path) -> None:
    with workers() as start:
        worker = start(prepared, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        listens = [
            (c.laddr.ip, c.laddr.port)
            for c in psutil.Process(worker.process.pid).net_connections("inet")
            if c.status == psutil.CONN_LISTEN
        ]
        assert listens == [("127.0.0.1", worker.settings.metrics_port)]
        assert worker.ask("/table/follow/acme/")[0] == 404


async def test_it_is_back_within_seconds_after_a_kill(prepared: Settings, tmp_path: Path) -> None:
    """With static membership nobody waits for the dead one's session of 10 s."""
    static = prepared.model_copy(update={"instance_id": "one"})
    with workers() as start:
        worker = start(static, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        await send(static, Topics(static).raw.name, traffic(2_000, accounts=100, seed=1))
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 1_000)
        await asyncio.to_thread(worker.kill)
        again = start(static, tmp_path / "worker.log")
        assert await asyncio.to_thread(again.wait_ready) < READY_S_MAX


async def test_sigterm_is_a_last_checkpoint_and_a_clean_end(
    prepared: Settings, tmp_path: Path
) -> None:
    rare = prepared.model_copy(update={"checkpoint_s": 60.0, "ingest_delay_s": 60.0})
    topics = Topics(prepared)
    with workers() as start:
        worker = start(rare, tmp_path / "worker.log", "--agents", "ingest")
        await asyncio.to_thread(worker.wait_ready)
        await send(prepared, topics.raw.name, traffic(100, accounts=10, seed=2))
        await asyncio.to_thread(
            worker.wait_until, lambda: worker.reading("pathline_uncommitted_records") == 100
        )
        began = time.monotonic()
        assert await asyncio.to_thread(worker.stop) == 0
        assert time.monotonic() - began < STOP_S_MAX
    assert sum(map(len, (await stored(prepared, topics.interactions.name)).values())) == 100


async def test_a_wrong_deployment_stops_and_drains_nothing(
    prepared: Settings, tmp_path: Path
) -> None:
    topics = Topics(prepared)
    with workers() as start:
        await send(prepared, topics.raw.name, [(b"k", b"<xml/>")] * 5_000)
        for _ in range(2):  # a supervisor starts it again
            worker = start(prepared, tmp_path / "worker.log")
            assert await asyncio.to_thread(worker.process.wait, 30) == 70
    letters = await stored(prepared, topics.dead_letters.name)
    assert sum(map(len, letters.values())) < prepared.rejects_in_row_max
    assert "raise PATHLINE_REJECTS" in (tmp_path / "worker.log").read_text("utf-8")


async def ends(settings: Settings, log: Path) -> tuple[int, str]:
    """Exit code and log of a worker that refuses."""
    with workers() as start:
        worker = start(settings, log)
        return await asyncio.to_thread(worker.process.wait, 30), worker.text


async def test_topics_that_are_missing_or_wrong_are_refused(
    settings: Settings, tmp_path: Path
) -> None:
    settings = with_rules(settings, tmp_path / "rules", *RULES)
    code, text = await ends(settings, tmp_path / "missing.log")
    assert (code, "pathline topics create" in text) == (3, True)
    async with connect(settings) as admin:
        await admin.create_topics([NewTopic(settings.raw_topic, 7, 1)])
    await create_topics(settings)
    code, text = await ends(settings, tmp_path / "wrong.log")
    assert (code, "partitions is 7, expected 4" in text) == (3, True)


async def test_rules_that_are_wrong_are_refused(prepared: Settings, tmp_path: Path) -> None:
    (tmp_path / "rules" / "legal.yml").write_text("id: legal\nkind: slo\n", "utf-8")
    code, text = await ends(prepared, tmp_path / "worker.log")
    assert (code, "legal.yml" in text) == (2, True)


async def test_a_topic_made_anew_under_the_state_is_refused(
    prepared: Settings, tmp_path: Path
) -> None:
    topics = Topics(prepared)
    with workers() as start:
        worker = start(prepared, tmp_path / "first.log")
        await asyncio.to_thread(worker.wait_ready)
        await send(prepared, topics.raw.name, traffic(500, accounts=50, seed=6))
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") >= 490)
        assert await asyncio.to_thread(worker.stop) == 0
    async with connect(prepared) as admin:
        await admin.delete_topics([topics.raw.name])
        while topics.raw.name in await admin.list_topics():  # noqa: ASYNC110 - Kafka's own time
            await asyncio.sleep(0.05)
    await create_topics(prepared)
    code, text = await ends(prepared, tmp_path / "second.log")
    assert (code, "beyond the log's end" in text) == (3, True)


async def test_json_lines_say_what_text_lines_say(prepared: Settings, tmp_path: Path) -> None:
    with workers() as start:
        worker = start(prepared.model_copy(update={"log_format": "json"}), tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        assert await asyncio.to_thread(worker.stop) == 0
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (tmp_path / "worker.log").read_text("utf-8").splitlines()
    ]
    assert any("opened at" in line["message"] for line in lines)
    assert {"time", "level", "logger", "message"} <= lines[0].keys()
