"""A world that scores and learns: `follow` and `learn` side by side, over one task about offers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from models.learned_score import LearnedScore, decode_learned
from models.learners.boosting import fit
from models.learners.challenger import Batch
from models.learners.course import Course
from models.learners.example_record import ExampleRecord, parse_example
from models.task import Task
from rules.scoring import Scoring
from streams.agents.follow import FollowAgent
from streams.agents.learn import LearnAgent
from streams.job import Record
from streams.keyring import Keyring
from streams.learn_job import LearnJob
from streams.model_shelf import ModelShelf, Wanted
from streams.refit import Refits
from streams.scorers import Scorers
from streams.settings import Settings
from streams.shelf import RuleShelf
from streams.topics import Topics
from tests.agents.test_follow import SLA, book, event
from tests.agents.world import World, WorldWorker

SETTINGS = Settings(partitions=1, lateness_s=0, scores=True, model_every_cases=10, model_every_s=0)
TOPICS = Topics(SETTINGS)
LOG, SCORES = TOPICS.interactions.name, TOPICS.scores.name
EXAMPLES, MODELS = TOPICS.examples.name, TOPICS.models.name
OFFERS: dict[str, Any] = {
    "id": "offers",
    "version": "1.0.0",
    "title": "The offer is taken",
    "starts": [{"type": "quote.sent"}],
    "positive": [{"type": "deal.closed"}],
    "negative": [{"type": "quote.withdrawn"}],
    "horizon": "30d",
    "score_at": ["quote.sent", "page.viewed"],
    "features": {"types": ["quote.sent", "page.viewed"], "words": ["data.page"]},
    "minimum": {"cases": 20, "positives": 5, "negatives": 5},
}
MINUTE_MS = 60_000


def compiled(*tasks: Mapping[str, Any]) -> list[Scoring]:
    return [Scoring(Task.model_validate(task)) for task in tasks or (OFFERS,)]


def follower(
    world: World,
    *tasks: Mapping[str, Any],
    keyring: Keyring | None = None,
    rules: Sequence[Mapping[str, Any]] = (SLA,),
) -> WorldWorker:
    async def no_rules(digest: str) -> bytes | None:
        return None

    async def fetch(wanted: Iterable[Wanted]) -> Mapping[bytes, Record]:
        return {record.key or b"": record for record in world.records(MODELS)}

    shelf = RuleShelf(book(*rules), TOPICS.rules.name, no_rules)
    own = compiled(*tasks)
    schemas = {each.task.id: each.features.schema.hash for each in own}
    models = ModelShelf(schemas, MODELS, fetch, keyring)
    scorers = Scorers(SETTINGS, TOPICS, own, models, world.clock)
    agent = FollowAgent(SETTINGS, TOPICS, shelf, keyring, scorers)
    return WorldWorker(world, agent, checkpoint_s=0.1)


async def grow_here(batch: Batch) -> bytes:
    return fit(batch.values, batch.labels, batch.weights).dump()


def student(
    world: World, *tasks: Mapping[str, Any], keyring: Keyring | None = None, **pace: float
) -> WorldWorker:
    refits = Refits(world, EXAMPLES, grow_here)
    agent = LearnAgent(SETTINGS, TOPICS, compiled(*tasks), refits, world.clock, keyring)
    return WorldWorker(world, agent, **{"checkpoint_s": 1.0, **pace})


def deals(first: int, count: int) -> list[tuple[bytes, bytes]]:
    """Cases of accounts, one a minute: who looks at the price more often buys more often."""
    chance, rows = np.random.default_rng(first), []
    for number in range(first, first + count):
        account, at = f"a{number}", number * MINUTE_MS
        buys = chance.random() < 0.4
        rows.append(event("quote.sent", at, account))
        for view in range(1, int(chance.integers(2, 5))):
            page = "price" if chance.random() < (0.9 if buys else 0.2) else "help"
            rows.append(event("page.viewed", at + view * 1000, account, page=page))
        end = "deal.closed" if buys else "quote.withdrawn"
        rows.append(event(end, at + 10_000, account))
    return rows


def scores(world: World) -> list[LearnedScore]:
    return [
        decode_learned(value)
        for value in world.values(SCORES)
        if value and json.loads(value)["schema"] == "pathline.score.v2"
    ]


def sealed_models(world: World) -> list[Any]:
    """The records of models, without the rosters beside them."""
    return [record for record in world.records(MODELS) if b"/" in (record.key or b"")]


def examples(world: World) -> list[ExampleRecord]:
    return [parse_example(r.value) for r in world.records(EXAMPLES) if r.key == b"offers"]


async def live(world: World, *tasks: Mapping[str, Any]) -> tuple[WorldWorker, WorldWorker]:
    """Both agents, at work."""
    return await follower(world, *tasks).start(), await student(world, *tasks).start()


async def run(*workers: WorldWorker, ms: int = 600) -> None:
    """They take turns, as in one process."""
    for _ in range(0, ms, 100):
        for each in workers:
            await each.run_for(100)


async def taught(world: World, *tasks: Mapping[str, Any], count: int = 40) -> WorldWorker:
    """Examples are there, and `learn` has read them."""
    world.put(LOG, 0, *deals(0, count))
    follow = await follower(world, *tasks).start()
    await follow.drain()
    learn = await student(world, *tasks).start()
    await run(learn)
    return learn


def course(worker: WorldWorker) -> Course:
    job = worker.runtime.shards[0].job
    assert isinstance(job, LearnJob)
    return job.courses["offers"]
