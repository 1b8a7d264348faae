"""A backtest of a topic says what live said, ids included, and leaves no trace in Kafka."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from models.alert import decode_alert, encode_alert
from streams.appender import KafkaAppender
from streams.backtest.summary import SCHEMA
from streams.connection import connect
from streams.control import Erase, encode_control
from streams.kafka.admin import create_topics
from streams.replay_guard import HEADER
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.judge import published
from tests.e2e.workers import RULES, drain, send, stored, traffic, with_rules, workers
from tests.kafka_settings import environment

COMMAND = [sys.executable, "-c", "from streams.cli import main; main()"]
WEIGHED = [{**rule, "weight": {"value": 0.5, "half_life": "2h"}} for rule in RULES]
Told = Mapping[tuple[str, str], list[dict[str, Any]]]
"""By account and topic, in order."""


async def pathline(settings: Settings, *words: str) -> tuple[int, str]:
    """(exit code, what was printed)."""
    done = await asyncio.to_thread(
        subprocess.run, [*COMMAND, *words], env=environment(settings), capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


async def backtest(settings: Settings, out: Path, *words: str) -> tuple[int, str]:
    return await pathline(
        settings, "backtest", "--from", "kafka://interactions", "--out", str(out), *words
    )


async def offsets(settings: Settings) -> Any:
    """Ends of all topics, and all groups with their offsets."""
    async with connect(settings) as admin:
        groups = sorted(group for group, _ in await admin.list_consumer_groups())
        committed = {group: await admin.list_consumer_group_offsets(group) for group in groups}
    ends = {t.name: await stored_ends(settings, t.name) for t in Topics(settings)}
    return ends, committed


async def stored_ends(settings: Settings, topic: str) -> dict[int, int]:
    return {p: records[-1].offset for p, records in (await stored(settings, topic)).items()}


def said(out: Path, topics: Mapping[str, str]) -> Told:
    """topics: by rule."""
    found = defaultdict(list)
    for line in (out / "alerts.jsonl").read_bytes().splitlines():
        alert = json.loads(line)
        assert alert.pop("replay") == json.loads((out / "summary.json").read_bytes())["run"]
        assert alert.pop("emitted_at") is None
        found[alert["account"], topics[alert["rule"]["id"]]].append(alert | {"replay": None})
    return found


async def live(settings: Settings) -> Told:
    return (await published(settings)).by_topic()


def scored(out: Path) -> dict[str, list[dict[str, Any]]]:
    """By account, in order."""
    found = defaultdict(list)
    for line in (out / "scores.jsonl").read_bytes().splitlines():
        score = json.loads(line)
        found[score["account"]].append(score | {"replay": None})
    return found


async def live_scores(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    told = defaultdict(list)
    for records in (await stored(settings, Topics(settings).scores.name)).values():
        for record in records:
            score = json.loads(record.value or b"")
            told[score["account"]].append(score | {"emitted_at": None})
    assert sum(map(len, told.values())) > 100
    return told


TOPIC_OF = {"legal": "sla-breaches", "paper": "signals", "quiet": "journey-breaks"}


@pytest.fixture
async def played(settings: Settings, tmp_path: Path) -> Settings:
    """A worker has run on late, repeated, bad and erased things, with ticks, and a second set."""
    settings = with_rules(settings, tmp_path / "rules", *WEIGHED)
    await create_topics(settings)
    topics = Topics(settings)
    with workers() as start:
        worker = start(settings, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        rows = list(traffic(6_000, accounts=80, seed=5))
        await send(settings, topics.raw.name, rows[:3_000])
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 2_500)
        appender = KafkaAppender(settings)
        await appender.start()
        for account in ("acct-1", "acct-2", "acct-3"):
            for partition in range(settings.partitions):
                key, value = encode_control(Erase(account=account))
                await appender.append(topics.interactions.name, partition, key, value)
        await appender.append(topics.interactions.name, 1, b"acct-1", b"nonsense")
        await appender.stop()
        await send(settings, topics.raw.name, rows[3_000:])
        await drain(worker)
    return settings


async def test_alerts_are_those_that_live_told_and_nothing_was_touched(
    played: Settings, tmp_path: Path
) -> None:
    before = await offsets(played)
    code, printed = await backtest(played, tmp_path / "out", "--processes", "2")
    assert code == 0, printed
    expected = await live(played)
    assert sum(map(len, expected.values())) > 500
    assert said(tmp_path / "out", TOPIC_OF) == expected
    assert scored(tmp_path / "out") == await live_scores(played)
    assert await offsets(played) == before
    summary = json.loads((tmp_path / "out/summary.json").read_bytes())
    assert summary["schema"] == SCHEMA
    assert summary["input"]["bad_by_reason"] == {"not_json": 1}
    [bad] = (tmp_path / "out/bad-rows.jsonl").read_bytes().splitlines()
    assert (json.loads(bad)["partition"], json.loads(bad)["raw"]) == (1, "nonsense")
    assert summary["engine"]["erased"] > 0
    assert any(record.key == b"\0tick" for records in
               (await stored(played, Topics(played).interactions.name)).values()
               for record in records)  # fmt: skip


async def test_processes_spans_and_clocks(played: Settings, tmp_path: Path) -> None:
    """The number of processes decides nothing; a span and a clock are what they are told to be."""
    for count in ("1", "4"):
        words = ("--processes", count, "--run", "same", "--outcome", "trial.started")
        assert (await backtest(played, tmp_path / count, *words))[0] == 0
    for name in ("alerts.jsonl", "scores.jsonl", "outcomes.jsonl"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "4" / name).read_bytes()
    assert (tmp_path / "1/outcomes.jsonl").stat().st_size > 0
    early = ("--until", "2020-01-01T00:00:00+00:00")  # by append time
    assert (await backtest(played, tmp_path / "none", *early))[0] == 0
    assert json.loads((tmp_path / "none/summary.json").read_bytes())["events"] == 0
    far = ("--run-until", "2030-01-01T00:00:00+00:00")
    assert (await backtest(played, tmp_path / "far", *far))[0] == 0
    summary = json.loads((tmp_path / "far/summary.json").read_bytes())
    assert summary["clock"] == "2030-01-01T00:00:00Z"


async def test_a_run_goes_to_topics_of_its_own_once(played: Settings, tmp_path: Path) -> None:
    before = await offsets(played)
    words = ("--to-topic", "--run", "q1")
    code, printed = await backtest(played, tmp_path / "out", *words)
    assert code == 0, printed
    assert await offsets(played) == before
    found = defaultdict(list)
    for name in ("sla-breaches", "signals", "journey-breaks"):
        topic = f"{played.topic_prefix}replay.q1.{name}.v1"
        for records in (await stored(played, topic)).values():
            for record in records:
                assert (HEADER, b"q1") in record.headers
                alert = decode_alert(record.value or b"")
                assert (alert.replay, record.key) == ("q1", alert.account.encode())
                found[alert.account, name].append(
                    json.loads(encode_alert(alert)) | {"replay": None}
                )
    expected = await live(played)
    for alerts in found.values():
        for alert in alerts:
            del alert["emitted_at"]
    assert found == expected
    code, printed = await backtest(played, tmp_path / "again", *words)
    assert code == 3
    assert "is there already: name the run anew with --run" in printed


async def test_activations_count_as_live_when_that_is_asked_for(
    settings: Settings, tmp_path: Path
) -> None:
    """A set is published in the middle; under --as-live the log is read as it was, else not."""
    from tests.e2e.test_publish import PAPER, TRIAL, legal

    first = with_rules(settings, tmp_path / "first", legal("1h"), PAPER)
    second = with_rules(settings, tmp_path / "second", legal("3h"), TRIAL)
    await create_topics(first)
    rows = list(traffic(4_000, accounts=40, seed=9))
    with workers() as start:
        worker = start(first, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        await send(first, Topics(first).raw.name, rows[:2_000])
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 1_700)
        code, printed = await pathline(second, "rules", "publish")
        assert code == 0, printed
        await send(first, Topics(first).raw.name, rows[2_000:])
        await drain(worker)
    topics = {"legal": "sla-breaches", "paper": "signals", "trial": "signals"}
    expected = await live(first)
    assert (await backtest(first, tmp_path / "as-live", "--as-live"))[0] == 0
    assert said(tmp_path / "as-live", topics) == expected
    assert (await backtest(first, tmp_path / "first-only"))[0] == 0
    rules = {alert["rule"]["id"] for alerts in said(tmp_path / "first-only", topics).values()
             for alert in alerts}  # fmt: skip
    assert rules == {"legal", "paper"}
    code, printed = await backtest(first, tmp_path / "published", "--rules", "published")
    assert code == 0, printed
    rules = {alert["rule"]["id"] for alerts in said(tmp_path / "published", topics).values()
             for alert in alerts}  # fmt: skip
    assert rules == {"legal", "trial"}


async def test_a_topic_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    await create_topics(settings)
    code, printed = await pathline(
        settings, "backtest", "--from", "kafka://interaction", "--out", str(tmp_path / "out")
    )
    assert code == 3
    assert "there is no topic interaction. Short names that work here" in printed
