"""A sink that is slow, by a quota of the broker: F15."""

from __future__ import annotations

import asyncio
import os
import subprocess

from streams.broker import EmbeddedKafka
from streams.kafka.jars import load_jars
from streams.kafka.java import find_java
from tests.chaos.finding import Finding
from tests.chaos.stage import JARS, Stage

QUOTA_BYTES = 20_000  # per second and producer
THROTTLED_S = 40.0
GROWTH_MAX = 1.15
UNCOMMITTED_MAX = 5_000


async def slow_sink(stage: Stage) -> Finding:
    """F15. The broker throttles whatever the worker writes to a trickle, with a backlog waiting.
    Lag stays, memory does not grow, nothing breaks; without the quota it catches up.
    """
    seconds = stage.scaled(THROTTLED_S)
    found = Finding(f"producers throttled to {QUOTA_BYTES // 1000} KB/s for {seconds:.0f} s")
    async with stage.site("F15", uncommitted_records_max=UNCOMMITTED_MAX) as site:
        async with site.load(accounts=1_000, rate=10_000):
            await asyncio.sleep(10)
        set_quota(stage.kafka, QUOTA_BYTES)
        try:
            worker = await site.ready()
            await asyncio.sleep(seconds / 3)
            early, lag = worker.rss_mb(), (await worker.readings())["pathline_lag_records"]
            await asyncio.sleep(2 * seconds / 3)
            readings = await worker.readings()
            found.rss_mb = early, worker.rss_mb()
            found.figures["exits"] = list(worker.exits)
            found.figures["lag_records"] = [round(lag), round(readings["pathline_lag_records"])]
        finally:
            set_quota(stage.kafka, None)
        growth = found.rss_mb[1] / found.rss_mb[0]
        found.bound("memory_growth", growth, GROWTH_MAX, "times")
        found.promise(worker.exits == [], f"it ended with {worker.exits}")
        return await site.settle(found)


def set_quota(kafka: EmbeddedKafka, bytes_per_s: int | None) -> None:
    """Of every producer; None takes it away. Through Kafka's own tool: aiokafka has no call."""
    name = "producer_byte_rate"
    change = ["--delete-config", name]
    if bytes_per_s is not None:
        change = ["--add-config", f"{name}={bytes_per_s}"]
    jars = os.pathsep.join(map(str, load_jars(JARS)))
    command = [str(find_java(os.environ)), "-cp", jars, "kafka.admin.ConfigCommand"]
    where = ["--bootstrap-server", kafka.bootstrap, "--alter", "--entity-type", "clients"]
    arguments = [*command, *where, "--entity-default", *change]
    subprocess.run(arguments, check=True, capture_output=True, text=True)
