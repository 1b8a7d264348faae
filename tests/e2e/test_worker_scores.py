"""Momentum on a real Kafka: each score once, as the pure engine has it, across a kill."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from models.score import encode_score
from rules.loader import load
from rules.ruleset import compile_rules
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.judge import engine_for, obey
from tests.e2e.workers import RULES, drain, send, stored, traffic, with_rules, workers

WEIGHT = {"value": 0.85, "half_life": "6h"}
Scores = dict[str, list[dict[str, Any]]]


async def test_scores_are_told_once_across_a_kill(settings: Settings, tmp_path: Path) -> None:
    weighed = [{**rule, "weight": WEIGHT} for rule in RULES]
    settings = with_rules(settings, tmp_path / "rules", *weighed)
    settings = settings.model_copy(update={"instance_id": "one"})
    await create_topics(settings)
    with workers() as start:
        worker = start(settings, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        rows = traffic(6_000, accounts=60, seed=11)
        feed = asyncio.create_task(send(settings, Topics(settings).raw.name, rows, rate=3_000))
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow"))
        await asyncio.to_thread(worker.kill)
        await feed
        await drain(start(settings, tmp_path / "worker.log"))
    told = await scored(settings)
    assert sum(map(len, told.values())) > 100
    assert told == await expected(settings)
    ids = [score["score_id"] for scores in told.values() for score in scores]
    assert len(ids) == len(set(ids))


async def scored(settings: Settings) -> Scores:
    """By account, in order, as a read_committed consumer sees them."""
    found: Scores = defaultdict(list)
    for records in (await stored(settings, Topics(settings).scores.name)).values():
        for record in records:
            score = json.loads(record.value or b"")
            del score["emitted_at"]
            found[score["account"]].append(score)
    return found


async def expected(settings: Settings) -> Scores:
    """What the pure engine makes of the interactions as they lie in the log."""
    rules = compile_rules(load(settings.rules, settings.calendars))
    found: Scores = defaultdict(list)
    log = await stored(settings, Topics(settings).interactions.name)
    for partition, records in log.items():
        engine = engine_for(settings, rules, partition)
        for record in records:
            obey(engine, rules, record)
            for made in engine.take_scores():
                score = json.loads(encode_score(made))
                del score["emitted_at"]
                found[score["account"]].append(score)
    return found
