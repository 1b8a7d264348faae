"""Part `plain`: the plain Faust agent on the same traffic, what Pathline is compared with.

Its accounts are scaled down with its events, so that each is as busy as in the other parts.
"""

from __future__ import annotations

import os
import sys

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic

from streams.connection import client_options, connect
from streams.settings import Settings
from tests.bench.drain import Drain, measure
from tests.bench.feeder import open_feeder
from tests.bench.program import Program
from tests.bench.stage import Plan, Stage
from tests.bench.traffic import traffic
from tests.kafka_settings import settings_for

SEQUENCE_LENGTH = 32  # events, as Pathline keeps them


async def measure_plain(stage: Stage) -> list[Drain]:
    """With the behaviour sequence; and without it, the least that such an agent can do."""
    return [await _measure(stage, length) for length in (SEQUENCE_LENGTH, 0)]


async def _measure(stage: Stage, sequence_length: int) -> Drain:
    """From its first table write to its last; each event makes one."""
    events = stage.plan.plain_events
    app = f"bench-plain-{sequence_length}"
    settings = settings_for(stage.kafka.bootstrap, stage.folder / app, raw_topic=f"{app}.events")
    changelog = f"{app}-journeys-changelog"  # as Faust calls it
    bytes_in = await _prepare(settings, (changelog, f"{app}.alerts"), stage.plan)
    places = [TopicPartition(changelog, p) for p in range(settings.partitions)]
    reader = AIOKafkaConsumer(**client_options(settings))
    await reader.start()
    try:
        with _start(stage, settings, app, sequence_length) as program:

            async def written() -> int | None:
                return sum((await reader.end_offsets(places)).values()) or None

            return await measure(program, stage.kafka, written, events, bytes_in)
    finally:
        await reader.stop()


async def _prepare(settings: Settings, others: tuple[str, ...], plan: Plan) -> int:
    """Make the topics, fill the agent's input; the bytes that went in."""
    source = settings.raw_topic
    async with connect(settings) as admin:
        await admin.create_topics(
            [NewTopic(name, settings.partitions, 1) for name in (source, *others)]
        )
    accounts = plan.plain_events * plan.accounts // plan.events
    async with open_feeder(settings, source) as feeder:
        await feeder.load(traffic(plan.plain_events, accounts))
        return feeder.bytes


def _start(stage: Stage, settings: Settings, app: str, sequence_length: int) -> Program:
    command = [sys.executable, "-m", "tests.bench.plain_faust", "worker", "--without-web"]
    own = {
        "BENCH_APP": app,
        "BENCH_BROKER": settings.broker,
        "BENCH_TOPIC": settings.raw_topic,
        "BENCH_FOLDER": str(stage.folder / app),
        "BENCH_SEQUENCE": str(sequence_length),
    }
    return Program(command, os.environ | own, stage.folder / app / "agent.log")
