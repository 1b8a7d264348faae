"""Rights on a real Kafka: each role does its work with what `topics acls` lists, and no more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from typer.testing import CliRunner

from streams.acls import Access, load_roles
from streams.cli import app
from streams.connection import client_options
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.judge import compare, judge, published
from tests.e2e.secure_kafka import SecureKafka, allow
from tests.e2e.workers import RULES, drain, send, stored, traffic, with_rules, workers
from tests.kafka_settings import environment


@pytest.fixture
async def base(secure_kafka: SecureKafka, tmp_path: Path) -> Settings:
    """A superuser's settings, topics and all roles granted."""
    base = with_rules(secure_kafka.superuser(tmp_path), tmp_path / "rules", *RULES)
    await create_topics(base)
    roles = load_roles(base)
    for user in ("worker", "ingest", "follow", "sender", "reader", "operator", "monitoring"):
        await allow(base, user, roles[user].rights)
    return base


async def test_from_raw_to_alerts_with_these_rights_alone(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path
) -> None:
    topics = Topics(base)
    with workers() as start:
        worker = start(secure_kafka.login(base, "worker"), tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        rows = [*traffic(2_000, accounts=50, seed=11), (b"k", b"<xml/>")]
        await send(secure_kafka.login(base, "sender"), topics.raw.name, rows)
        await drain(worker)
    expected = await judge(base)
    assert sum(map(len, expected.alerts.values())) > 100
    compare(await published(base), expected)
    as_reader = await stored(secure_kafka.login(base, "reader"), topics.signals.name)
    assert as_reader == await stored(base, topics.signals.name)
    looked = await run(secure_kafka.login(base, "monitoring"), "doctor")
    assert [looked.count(text) for text in ("set as they should be", " 0 records behind")] == [1, 2]
    mended = await run(secure_kafka.login(base, "operator"), "dead-letters", "replay")
    assert "1 replayed" in mended


async def run(settings: Settings, *command: str) -> str:
    """What a command of `pathline` prints."""
    result = await asyncio.to_thread(CliRunner().invoke, app, command, env=environment(settings))
    return result.output + str(result.exception)


async def test_agents_apart_need_less_each(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path
) -> None:
    with workers() as start:
        apart = [
            start(secure_kafka.login(base, agent), tmp_path / agent, "--agents", agent)
            for agent in ("ingest", "follow")
        ]
        for worker in apart:
            await asyncio.to_thread(worker.wait_ready)
        rows = traffic(500, accounts=50, seed=12)
        await send(secure_kafka.login(base, "sender"), Topics(base).raw.name, rows)
        follow = apart[1]
        await asyncio.to_thread(follow.wait_until, lambda: follow.applied("follow") > 480)
        assert [await asyncio.to_thread(worker.stop) for worker in apart] == [0, 0]
    compare(await published(base), await judge(base))


async def writing(settings: Settings, topic: str, transaction: str | None = None) -> str:
    """How Kafka refuses a record: the error's name."""
    producer = AIOKafkaProducer(**client_options(settings), transactional_id=transaction)
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"v", b"k", 0)
    except KafkaError as refused:
        return type(refused).__name__
    finally:
        await producer.stop()
    return "written"


async def reading(settings: Settings, topic: str, group: str | None = None) -> str:
    """How Kafka refuses a reader: the error's name."""
    consumer = AIOKafkaConsumer(
        topic, **client_options(settings), group_id=group, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        await asyncio.wait_for(consumer.getmany(timeout_ms=1_000), 10)
    except KafkaError as refused:
        return type(refused).__name__
    finally:
        await consumer.stop()
    return "read"


async def test_others_are_kept_from_state_log_and_alerts(
    secure_kafka: SecureKafka, base: Settings
) -> None:
    topics, no = Topics(base), "TopicAuthorizationFailedError"
    sender, reader = secure_kafka.login(base, "sender"), secure_kafka.login(base, "reader")
    state, alerts = topics.follow_changelog.name, topics.signals.name
    for topic in (state, topics.interactions.name, topics.rules.name, alerts):
        assert (await writing(sender, topic), await writing(reader, topic)) == (no, no)
    for settings, topic in ((sender, alerts), (reader, state), (reader, topics.raw.name)):
        assert await reading(settings, topic) == no
    assert await reading(reader, alerts, group=base.app_id) == "GroupAuthorizationFailedError"
    fencing = await writing(sender, topics.raw.name, transaction=f"{base.app_id}-follow-0")
    assert fencing == "TransactionalIdAuthorizationFailed"
    assert await writing(sender, topics.raw.name) == "written"
    assert await reading(reader, alerts, group=f"{base.app_id}-alerts-crm") == "read"


@pytest.mark.parametrize("lacking", ["changelog", "transactional-id", "group"])
async def test_a_worker_that_lacks_a_right_ends_and_says_so(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path, lacking: str
) -> None:
    """Rather than wait for ever; a supervisor shows the last line."""

    def is_kept(right: Access) -> bool:
        return lacking != right.kind and not right.name.endswith(lacking)

    user = f"without-{lacking}"
    await allow(base, user, filter(is_kept, load_roles(base)["worker"].rights))
    with workers() as start:
        worker = start(secure_kafka.login(base, user), tmp_path / "worker.log")
        assert await asyncio.to_thread(worker.process.wait, 40) in (3, 70)
    assert "uthorization" in worker.text or "topic is missing" in worker.text
