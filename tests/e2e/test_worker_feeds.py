"""A feed that goes silent on a real Kafka: told once, in every partition, and taken back."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from streams.control import FEED_KEY
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import RULES, drain, send, stored, with_rules, workers

STALE_S = 3
(SLA,) = (rule for rule in RULES if rule["kind"] == "sla")


def event(n: int) -> tuple[bytes, bytes]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    value = {
        "specversion": "1.0",
        "id": f"e{n}",
        "source": "//test/crm",
        "type": "page.viewed",
        "time": now,
        "subject": f"acct-{n}",
    }
    return f"acct-{n}".encode(), json.dumps(value).encode()


async def test_a_silent_feed_is_told_and_taken_back(settings: Settings, tmp_path: Path) -> None:
    rule = {**SLA, "feeds": {"crm": {"max_stale": f"{STALE_S}s"}}}
    settings = with_rules(settings, tmp_path / "rules", rule)
    topics = Topics(settings)
    await create_topics(settings)
    with workers() as start:
        worker = start(settings, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)

        def says(text: str) -> None:
            worker.wait_until(lambda: text in worker.text, 30)

        await send(settings, topics.raw.name, [event(1)])
        await asyncio.to_thread(says, "feed crm is stale")
        await send(settings, topics.raw.name, [event(2), event(3)])
        await asyncio.to_thread(
            worker.wait_until,
            lambda: worker.text.rfind("crm is alive") > worker.text.rfind("crm is stale"),
            30,
        )
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") == 3)
        await drain(worker)
    log = await stored(settings, topics.interactions.name)
    told = {
        partition: [json.loads(r.value or b"")["stale"] for r in records if r.key == FEED_KEY]
        for partition, records in log.items()
    }
    for stales in told.values():  # perhaps it was alive before; in the end it is silent again
        since = stales.index(True)
        assert stales[since : since + 2] == [True, False]
    assert len(told) == settings.partitions
    alerts = [
        json.loads(record.value or b"")
        for records in (await stored(settings, topics.signals.name)).values()
        for record in records
    ]
    assert [(alert["account"], alert["state"]) for alert in alerts][:2] == [
        ("feed:crm", "firing"),
        ("feed:crm", "resolved"),
    ]
