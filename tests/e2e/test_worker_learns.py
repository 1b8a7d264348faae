"""Learned scores on the real Kafka: two tasks, a death in the middle, each example once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner, Result

from models.learned_score import decode_learned
from models.learners.example_record import parse_example
from streams.acls import load_roles
from streams.cli import app
from streams.control import is_control
from streams.kafka.admin import create_topics
from streams.keyring import load_keyring
from streams.seal import signature_of
from streams.settings import Settings
from streams.topics import Topics
from tests.agents.learning import OFFERS, deals
from tests.e2e.secure_kafka import SecureKafka, allow
from tests.e2e.workers import RULES, send, stored, with_rules, workers
from tests.kafka_settings import environment

CASES = 400
# The events are of the past, and a worker that has nothing to do lets the clock go on to now.
TRIAL: dict[str, Any] = {**OFFERS, "horizon": "9000d", "shadow": "mean"}
VISITS: dict[str, Any] = {
    **TRIAL,
    "shadow": None,
    "id": "visits",
    "title": "The next page is the one with the prices",
    "starts": [{"type": "page.viewed"}],
    "positive": [{"type": "page.viewed", "where": 'data.page == "price"'}],
    "negative": [{"type": "page.viewed"}],
    "score_at": ["page.viewed"],
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
    settings = with_tasks(settings, tmp_path / "tasks", TRIAL, VISITS)
    topics = Topics(settings)
    await create_topics(settings)
    rows = deals(0, CASES)
    half = len(rows) // 2

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
        told = await ask(settings, "promote", "offers", "--why", "it was better", "--by", "ann")
        assert json.loads(told)["comparison"]["mean"]["cases"] > 0
        await asyncio.to_thread(worker.wait_until, lambda: scoring(worker, "offers") == {"mean"})
        lines = (await ask(settings, "list")).splitlines()
        rosters = {found["task"]: found for found in map(json.loads, lines)}
        assert (rosters["offers"]["champion"], rosters["offers"]["shadow"]) == ("mean", "logistic")
        (decision,) = rosters["offers"]["decisions"]
        assert (decision["what"], decision["by"]) == ("promote", "ann")
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


async def test_with_rights_of_its_own_and_a_key_each_role_does_its_part(
    secure_kafka: SecureKafka, tmp_path: Path
) -> None:
    """`learn` apart from the others; models and who scores are signed."""
    keys = tmp_path / "keys"
    keys.write_text("k1 " + "5e" * 32)
    base = secure_kafka.superuser(tmp_path, control_key_file=keys)
    base = with_rules(base, tmp_path / "rules", *RULES)
    base = with_tasks(base, tmp_path / "tasks", TRIAL)
    topics = Topics(base)
    await create_topics(base)
    for user in (roles := ("ingest", "follow", "learn")) + ("publisher",):
        await allow(base, user, load_roles(base)[user].rights)
    with workers() as start:
        apart = {
            agent: start(secure_kafka.login(base, agent), tmp_path / agent, "--agents", agent)
            for agent in roles
        }
        await send(base, topics.raw.name, deals(0, 100))
        await asyncio.to_thread(apart["learn"].wait_until, lambda: learned(apart["learn"]) == 100)
        await asyncio.to_thread(
            apart["follow"].wait_until, lambda: scoring(apart["follow"], "offers") == {"logistic"}
        )
        publisher = secure_kafka.login(base, "publisher")
        (roster,) = map(json.loads, (await ask(publisher, "list")).splitlines())
        assert roster["learners"]["logistic"]["learned"] >= 80
        await ask(publisher, "retire", "offers", "--why", "no gain")
        for worker in apart.values():
            assert await asyncio.to_thread(worker.stop) == 0
    keyring = load_keyring(keys)
    assert keyring is not None
    for record in await events(base, topics.models.name):
        place = record.topic, record.partition
        assert keyring.check(signature_of(record), place, record.key, record.value, None) is None


def learned(worker: Any, task: str = "offers", learner: str = "logistic") -> float:
    name = "pathline_model_learned_cases"
    return float(worker.reading(name, task=task, learner=learner))


def scoring(worker: Any, task: str) -> set[str]:
    """The learners whose models are champions, in any partition."""
    return {
        sample.labels["model"].partition("@")[0]
        for family in text_string_to_metric_families(worker.ask("/metrics")[1])
        for sample in family.samples
        if sample.name == "pathline_model_info"
        and (sample.labels["task"], sample.labels["role"]) == (task, "champion")
    }


async def ask(settings: Settings, *words: str) -> str:
    """What a command of `pathline models` prints."""

    def run() -> Result:
        return CliRunner().invoke(app, ["models", *words, "--json"], env=environment(settings))

    result = await asyncio.to_thread(run)
    assert result.exit_code == 0, result.output
    return result.stdout


async def events(settings: Settings, topic: str) -> list[Any]:
    """What is committed there, without control records."""
    found = [r for records in (await stored(settings, topic)).values() for r in records]
    return [record for record in found if not is_control(record.key)]
