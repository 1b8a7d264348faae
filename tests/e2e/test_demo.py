"""The demo, as a newcomer runs it: it ends by itself, says the same each time, leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from aiokafka.partitioner import murmur2

from models.event import CloudEvent, Event, place
from rules.context import Output
from rules.loader import load
from rules.partition import Partition
from rules.ruleset import compile_rules
from streams.broker import embedded_kafka
from streams.connection import connect
from streams.demo import stage
from streams.demo.feed import BROKEN, close, load_feed
from streams.kafka.port import answers, free_port
from streams.settings import Settings
from tests.kafka_settings import environment

DEMO = (sys.executable, "-P", "-c", "from streams.cli import main; main()", "demo", "--once")
SEED = 11
S_MAX = 150  # on a slow machine; 25 s is usual


def engine_says(partitions: int) -> Counter[tuple[str, str, str]]:
    """Alerts by kind, rule and state: the pure engine's, over the same feed, with no clock."""
    feed, defaults = load_feed(SEED), Settings()
    rules = compile_rules(load(defaults.rules, defaults.calendars))
    engines = [
        Partition(rules, topic="t", partition=p, lateness_ms=int(defaults.lateness_s * 1000))
        for p in range(partitions)
    ]
    offsets: Counter[int] = Counter()
    outputs: list[Output] = []
    for event in (*feed.events, *close(feed, partitions)):
        p = (murmur2(event.subject.encode()) & 0x7FFFFFFF) % partitions
        outputs += engines[p].advance(place(as_read(event), offsets[p]))
        offsets[p] += 1
    alerts = [output.alert for output in outputs]
    return Counter((alert.kind, alert.rule.id, alert.state.value) for alert in alerts)


def as_read(event: CloudEvent) -> Event:
    return msgspec.json.decode(msgspec.json.encode(event), type=Event)


def topics_of_demos(settings: Settings) -> set[str]:
    async def names() -> set[str]:
        async with connect(settings) as admin:
            return {name for name in await admin.list_topics() if "demo-2" in name}

    return asyncio.run(names())


def workers(settings: Settings) -> list[int]:
    """Pids of workers of a demo on this broker."""
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
        except psutil.Error:  # ended meanwhile, or somebody else's
            continue
        ours = variables.get("PATHLINE_BROKER") == settings.broker
        if ours and variables.get("PATHLINE_APP_ID", "").startswith("demo-2"):
            found.append(process.pid)
    return found


def test_the_demo_says_what_the_engine_says_and_leaves_nothing(settings: Settings) -> None:
    command = [*DEMO, "--json", "--seed", str(SEED), "--rate", "1500"]
    done = subprocess.run(command, env=environment(settings), capture_output=True, timeout=S_MAX)
    assert done.returncode == 0, done.stderr.decode()
    [line] = done.stdout.splitlines()
    told: dict[str, Any] = msgspec.json.decode(line)
    alerts = {(a["kind"], a["rule"], a["state"]): a["count"] for a in told["alerts"]}
    assert alerts == dict(engine_says(settings.partitions))
    assert told["dead_letters"] == dict.fromkeys(BROKEN, 1)
    assert (told["right"], told["repeated_alerts"]) == (True, 0)
    assert told["append_to_alert"]["alerts"] > 1_000
    assert 0 < told["append_to_alert"]["p50_ms"] <= told["append_to_alert"]["p99_ms"]
    assert topics_of_demos(settings) == set()
    assert workers(settings) == []


def test_ended_half_way_it_leaves_nothing_either(settings: Settings) -> None:
    command = [*DEMO, "--rate", "100"]
    with subprocess.Popen(
        command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as demo:
        assert demo.stderr is not None
        ready = any(b"The worker is ready" in line for line in demo.stderr)
        assert workers(settings), "there is one to be left behind"
        os.kill(demo.pid, signal.SIGTERM)
        demo.stderr.read()
        demo.wait(S_MAX)
    assert ready
    assert demo.returncode not in (0, None)
    assert topics_of_demos(settings) == set()
    assert workers(settings) == []


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # as meant
@pytest.mark.parametrize("keep", [False, True])
def test_the_broker_that_it_starts_it_stops_unless_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    settings = Settings(broker=f"127.0.0.1:{free_port()}", state_dir=tmp_path)
    monkeypatch.setattr(stage, "DEFAULT_BROKER", settings.broker)
    kafka = embedded_kafka(settings)
    try:
        with stage.broker(settings, keep=keep) as found:
            assert "started" in found
            assert answers(kafka.port)
            with stage.broker(settings, keep=False) as again:
                assert "already running" in again
            assert answers(kafka.port), "what ran before goes on"
        assert answers(kafka.port) is keep
    finally:
        kafka.stop()
