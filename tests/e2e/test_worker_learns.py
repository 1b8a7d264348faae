"""Learned scores on the real Kafka: two tasks, a death in the middle, each example once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import yaml

from models.learned_score import decode_learned
from models.learners.example_record import parse_example
from streams.control import is_control
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.agents.learning import OFFERS, deals
from tests.e2e.workers import RULES, send, stored, with_rules, workers

CASES = 400
VISITS: dict[str, Any] = {
    **OFFERS,
    "id": "visits",
    "title": "The next page is the one with the prices",
    "starts": [{"type": "page.viewed"}],
    "positive": [{"type": "page.viewed", "where": 'data.page == "price"'}],
    "negative": [{"type": "page.viewed"}],
    "score_at": ["page.viewed"],
    "horizon": "1h",
}


def with_tasks(settings: Settings, folder: Path, *tasks: dict[str, Any]) -> Settings:
    folder.mkdir(parents=True)
    for task in tasks:
        (folder / f"{task['id']}.yml").write_text(yaml.safe_dump(task), "utf-8")
    changes = {"tasks": folder, "scores": True, "model_every_cases": 40, "model_every_s": 0}
    return settings.model_copy(update=changes)


async def test_scores_are_learned_across_a_death_and_no_example_is_learned_twice(
    settings: Settings, tmp_path: Path
) -> None:
    settings = with_rules(settings, tmp_path / "rules", *RULES)
    settings = with_tasks(settings, tmp_path / "tasks", {**OFFERS, "shadow": "mean"}, VISITS)
    topics = Topics(settings)
    await create_topics(settings)
    rows = deals(0, CASES)
    half = len(rows) // 2

    def learned(worker: Any, task: str = "offers", learner: str = "logistic") -> float:
        name = "pathline_model_learned_cases"
        return float(worker.reading(name, task=task, learner=learner))

    with workers() as start:
        dying = start(settings, tmp_path / "dying.log")
        await send(settings, topics.raw.name, rows[:half])
        await asyncio.to_thread(dying.wait_until, lambda: learned(dying) > CASES / 4)
        await asyncio.to_thread(dying.kill)
        worker = start(settings, tmp_path / "worker.log")
        await send(settings, topics.raw.name, rows[half:])
        await asyncio.to_thread(worker.wait_until, lambda: learned(worker) >= CASES)
        assert learned(worker, learner="mean") == CASES
        assert worker.reading("pathline_model_auc", task="offers", learner="logistic") > 0
        assert await asyncio.to_thread(worker.stop) == 0

    examples = [parse_example(r.value) for r in await events(settings, topics.examples.name)]
    cases = [example.case for example in examples if example.task == "offers"]
    assert len(cases) == len(set(cases)) == CASES
    assert len({e.case for e in examples}) == len(examples)
    versions = [
        r.key for r in await events(settings, topics.models.name) if r.value and b"/" in r.key
    ]
    assert len(versions) == len(set(versions))
    scored = [decode_learned(r.value) for r in await events(settings, topics.scores.name)]
    assert {score.task for score in scored} == {"offers", "visits"}
    told = [score for score in scored if score.value is not None]
    assert {"logistic", "mean"} <= {str(score.model).partition("@")[0] for score in told}
    read = [
        json.loads(r.value)["id"]
        for r in await events(settings, topics.interactions.name)
        if b"score.published" in r.value
    ]
    assert sorted(read) == sorted(score.score_id for score in told if not score.shadow)


async def events(settings: Settings, topic: str) -> list[Any]:
    """What is committed there, without control records."""
    found = [r for records in (await stored(settings, topic)).values() for r in records]
    return [record for record in found if not is_control(record.key)]
