"""Workers die at any time, in any order; what the topics say still holds together.

Two runs that differ in when a model is published say other things of the same case, so the judge
looks at what must be so in each: every case once, every example learned once, and each number
that was said is what the named model says of the very row that was kept.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learners import snapshot
from models.learners.base import Authenticated
from models.learners.course import Course
from models.learners.example_record import example_of
from models.learners.snapshot import Model
from streams.control import is_control
from tests.agents.learning import (
    LOG,
    OFFERS,
    compiled,
    deals,
    examples,
    follower,
    run,
    scores,
    sealed_models,
    student,
)
from tests.agents.world import Died, World, WorldWorker

TRIAL = {**OFFERS, "shadow": "mean"}
CASES = 60
ROWS = deals(0, CASES)
(OWN,) = compiled(TRIAL)

step = st.tuples(
    st.sampled_from(["send", "follow", "learn", "kill follow", "kill learn", "die follow",
                     "die learn"]),
    st.integers(1, 40),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(step, max_size=25))
def test_deaths_lose_nothing_double_nothing_and_change_no_prediction(
    steps: list[tuple[str, int]],
) -> None:
    world = asyncio.run(live_through(steps))
    check(world)


async def live_through(steps: list[tuple[str, int]]) -> World:
    world, sent = World(), 0
    make = {"follow": follower, "learn": student}
    at_work = {name: await made(world, TRIAL).start() for name, made in make.items()}
    for what, size in steps:
        verb, _, name = what.rpartition(" ")
        if what == "send":
            world.put(LOG, 0, *ROWS[sent : sent + size])
            sent += size
            continue
        if verb == "die":
            await die_in_a_commit(at_work[name])
        if verb:
            at_work[name] = await make[name](world, TRIAL).start()
        else:
            await run(at_work[name], ms=size * 100)
    world.put(LOG, 0, *ROWS[sent:])
    for _ in range(3):
        await run(*at_work.values(), ms=2_000)
    for worker in at_work.values():
        await worker.runtime.close()
    return world


async def die_in_a_commit(worker: WorldWorker) -> None:
    """After records were applied, before anything of them is seen."""
    for writer in worker.writers.values():
        writer.broken = RuntimeError("broker gone")
    with suppress(Died):
        await run(worker, ms=1_500)


def check(world: World) -> None:
    known = examples(world)
    cases = [example.case for example in known]
    assert len(cases) == len(set(cases)) == CASES
    ids = [score.score_id for score in scores(world)]
    assert len(ids) == len(set(ids))
    state = world.table("learn-changelog")[b"offers"]
    pure = Course(OWN.task, OWN.features.schema)
    for example in known:
        pure.learn(example, pure.read(example))
    assert pure.learned == CASES
    models = {f"{h.learner}@{h.version}": m for h, m in map(opened, sealed_models(world))}
    last = max(models, key=lambda name: int(name.partition("@")[2]))
    assert models[last].learner.learned <= CASES
    assert pure.encoder.dump() in state, "it has learned what the log says, and in its order"
    for example in known:
        rows = example_of(example, len(pure.encoder.schema.names)).rows
        for kept, row in zip(example.rows, rows, strict=True):
            for said in kept.said:
                told = models[said.model].learner.predict_many([row])[0]
                assert told == pytest.approx(said.value, abs=1e-12)
    uses = [record for record in world.records(LOG) if is_control(record.key)]
    assert len({record.value for record in uses}) == len(uses), "no model is named twice"


def opened(record: Any) -> tuple[snapshot.Header, Model]:
    return snapshot.load(Authenticated(record.value), "offers", OWN.features.schema.hash)
