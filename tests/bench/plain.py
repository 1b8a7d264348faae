"""Part `plain`: the plain Faust agent on the same traffic, the measure of what the machinery costs.

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
from tests.bench.stage import Stage
from tests.bench.traffic import traffic
from tests.kafka_settings import settings_for

TOPIC = "bench-plain.interactions"
CHANGELOG = "bench-plain-journeys-changelog"  # as Faust calls the one of this app and table
ALERTS = "bench-plain.alerts"


async def measure_plain(stage: Stage) -> Drain:
    """From its first table write to its last; each event makes one."""
    events = stage.plan.plain_events
    settings = settings_for(stage.kafka.bootstrap, stage.folder / "plain")
    bytes_in = await _prepare(settings, events, events * stage.plan.accounts // stage.plan.events)
    places = [TopicPartition(CHANGELOG, p) for p in range(settings.partitions)]
    reader = AIOKafkaConsumer(**client_options(settings))
    await reader.start()
    try:
        with _start(stage, settings) as program:

            async def written() -> int | None:
                return sum((await reader.end_offsets(places)).values()) or None

            return await measure(program, stage.kafka, written, events, bytes_in)
    finally:
        await reader.stop()


async def _prepare(settings: Settings, events: int, accounts: int) -> int:
    """Make its topics and fill the first; the bytes that went in."""
    async with connect(settings) as admin:
        new = [NewTopic(name, settings.partitions, 1) for name in (TOPIC, CHANGELOG, ALERTS)]
        await admin.create_topics(new)
    async with open_feeder(settings, TOPIC) as feeder:
        await feeder.load(traffic(events, accounts))
        return feeder.bytes


def _start(stage: Stage, settings: Settings) -> Program:
    command = [sys.executable, "-m", "tests.bench.plain_faust", "worker", "--without-web"]
    own = {
        "BENCH_BROKER": settings.broker,
        "BENCH_TOPIC": TOPIC,
        "BENCH_SEQUENCE": "32",
        "BENCH_FOLDER": str(stage.folder / "plain"),
    }
    return Program(command, os.environ | own, stage.folder / "plain" / "agent.log")
