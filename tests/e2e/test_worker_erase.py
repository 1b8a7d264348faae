"""Erasure on the real Kafka: a running worker, signed records, an operator's rights and no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner, Result

from streams.acls import load_roles
from streams.cli import app
from streams.connection import connect
from streams.control import Erase, encode_control
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.judge import compare, judge, published
from tests.e2e.secure_kafka import SecureKafka, allow
from tests.e2e.workers import (
    RULES,
    drain,
    is_drained,
    send,
    settle,
    stored,
    traffic,
    with_rules,
    workers,
)
from tests.kafka_settings import environment

ERASED = "acct-3"
COMPACT_SOON = {
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.0",
    "max.compaction.lag.ms": "500",
    "delete.retention.ms": "3600000",
}


@pytest.fixture
async def base(secure_kafka: SecureKafka, tmp_path: Path) -> Settings:
    """A superuser's settings with a key of control records; two roles granted."""
    keys = tmp_path / "keys"
    keys.write_text("k1 " + "5e" * 32)
    base = secure_kafka.superuser(tmp_path, control_key_file=keys, checkpoint_s=0.5, partitions=2)
    base = with_rules(base, tmp_path / "rules", *RULES)
    await create_topics(base)
    await compact_soon(base)
    for user in ("worker", "operator"):
        await allow(base, user, load_roles(base)[user].rights)
    return base


async def compact_soon(settings: Settings) -> None:
    """So that a test can see what compaction leaves."""
    topics = Topics(settings)
    async with connect(settings) as admin:
        for topic in (topics.follow_changelog, topics.alert_state):
            configs = {**topic.config, **COMPACT_SOON}
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic.name, configs)]
            )


async def erase(settings: Settings, *arguments: str) -> Result:
    def run() -> Result:
        command = ["erase", "--account", ERASED, "--yes", *arguments]
        return CliRunner().invoke(app, command, env=environment(settings))

    return await asyncio.to_thread(run)


async def latest_alerts(settings: Settings) -> Mapping[bytes, dict[str, Any]]:
    """By fingerprint, as a consumer of the compacted topic has them in the end."""
    last: dict[bytes, Any] = {}
    for records in (await stored(settings, Topics(settings).alert_state.name)).values():
        last |= {record.key: record.value for record in records if record.key}
    return {key: json.loads(value) for key, value in last.items() if value}


def is_quiet(worker: Any) -> bool:
    """What falls due by time alone has been told, too: the events are of the past."""
    return worker.reading("pathline_deadlines_overdue") == 0 and is_drained(worker)


async def values_left(settings: Settings, name: str) -> list[bytes]:
    """All of the account that a topic holds in the clear, compacted or not yet."""
    found = [r for records in (await stored(settings, name)).values() for r in records]
    mark = ERASED.encode()
    return [r.value for r in found if r.value and (r.key == mark or b'"acct-3"' in r.value)]


async def test_an_erased_account_is_gone_and_may_come_back_as_a_new_one(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path
) -> None:
    topics, raw = Topics(base), Topics(base).raw.name
    operator = secure_kafka.login(base, "operator")
    rows = list(traffic(5_000, accounts=6, seed=3))
    with workers() as start:
        worker = start(secure_kafka.login(base, "worker"), tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        await send(base, raw, rows[:2_000])
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 1_900)
        await settle(worker)
        await asyncio.to_thread(worker.wait_until, lambda: is_quiet(worker))
        before = await latest_alerts(base)
        assert any(alert["account"] == ERASED for alert in before.values())

        done = await erase(operator, "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert told["alerts"] == sum(alert["account"] == ERASED for alert in before.values())
        assert {kept["topic"] for kept in told["kept"] if kept["until"]} >= {
            topics.raw.name,
            topics.interactions.name,
            topics.dead_letters.name,
            topics.signals.name,
        }
        assert await latest_alerts(base) == {
            key: alert for key, alert in before.items() if alert["account"] != ERASED
        }
        others = [row for row in rows[2_000:] if row[0] != ERASED.encode()]
        await see_compacted(base, iter(others))
        await send(base, raw, [row for row in rows[2_000:] if row[0] == ERASED.encode()])
        await drain(worker)
    expected = await judge(base)
    compare(await published(base), expected)
    assert 0 < expected.accounts[ERASED].applied < 600, "it began anew"
    assert any(alert["account"] == ERASED for alert in (await latest_alerts(base)).values())


async def see_compacted(settings: Settings, others: Iterator[tuple[bytes, bytes]]) -> None:
    """Until Kafka itself has forgotten the account in both compacted topics.

    others: events that go on meanwhile; a segment ends when something is written after its time.
    """
    topics = Topics(settings)
    async with asyncio.timeout(40):
        for name in (topics.follow_changelog.name, topics.alert_state.name):
            while await values_left(settings, name):
                await send(settings, topics.raw.name, islice(others, 60))
                await asyncio.sleep(0.6)


async def test_without_the_key_nothing_is_erased(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path
) -> None:
    keyless = secure_kafka.login(base, "operator", control_key_file=None)
    with workers() as start:
        worker = start(secure_kafka.login(base, "worker"), tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        await send(base, Topics(base).raw.name, traffic(600, accounts=6, seed=4))
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 500)
        refused = await erase(keyless)
        assert "PATHLINE_CONTROL_KEY_FILE" in str(refused.exception)
        forged = encode_control(Erase(account="acct-1"))
        await send(base, Topics(base).interactions.name, [forged] * 3)
        metric = "pathline_control_records_refused_total"
        await asyncio.to_thread(
            worker.wait_until, lambda: worker.reading(metric, reason="unsigned") == 4
        )
        await drain(worker)
        assert ERASED not in worker.text
    said = await published(base)
    assert {"acct-1", ERASED} <= said.accounts.keys()
    compare(said, await judge(base))


async def test_with_no_worker_the_erasure_waits_in_the_log(
    secure_kafka: SecureKafka, base: Settings
) -> None:
    waiting = await erase(secure_kafka.login(base, "operator"), "--wait", "0")
    assert "no worker has applied it within 0 s; it will" in str(waiting.exception)
