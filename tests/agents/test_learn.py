"""Learn: each example once, models that are who they say, fits outside, a shadow on trial."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from prometheus_client import generate_latest

from models.learners import snapshot
from models.learners.kept import KeptRow
from models.learners.roster import compare, decode_roster
from streams.control import MODEL_KEY, Decide, Grown, UseModel, encode_control, parse_control
from streams.keyring import Key, Keyring
from streams.metrics import GAUGES
from streams.model_gauges import read_models
from streams.refit import Refits
from tests.agents.learning import (
    EXAMPLES,
    LOG,
    MINUTE_MS,
    MODELS,
    OFFERS,
    TOPICS,
    compiled,
    course,
    deals,
    examples,
    follower,
    live,
    run,
    scores,
    sealed_models,
    student,
    taught,
)
from tests.agents.test_follow import event
from tests.agents.world import Died, World, WorldWorker, settle

RING = Keyring([Key("k1", b"s" * 32, None)])
OTHER = Keyring([Key("k1", b"t" * 32, None)])
NAMES = ("logistic", "mean")
TRIAL = {**OFFERS, "shadow": "mean"}
(RAW,) = (each.features.schema.hash for each in compiled())


async def test_an_example_is_learned_once_however_often_the_worker_dies() -> None:
    """A death at each commit: before it, and after it with nothing heard of it."""
    w = World()
    await (await taught(w)).runtime.close()
    whole = course_after(w)
    for dies_at in range(1, 6):
        w.logs["learn-changelog", 0].clear()
        w.logs[MODELS, 0].clear()
        learn = await student(w).start()
        for batch in range(40):
            if batch % dies_at == 0:
                learn.writers[0].broken = RuntimeError("broker gone")
                with suppress(Died):
                    await learn_some(learn, 1_100)
                learn = await student(w).start()
            await learn_some(learn, 60)
        await learn.drain()
        assert course_after(w) == whole


async def learn_some(worker: WorldWorker, ms: int) -> None:
    await worker.runtime.receive(0, worker.source.fetch(0, 7))
    worker.world.clock.ms += ms
    await worker.runtime.beat()
    await settle(worker.runtime)


def course_after(world: World) -> bytes:
    """The course as the changelog has it."""
    return world.table("learn-changelog")[b"offers"]


async def test_a_version_comes_after_so_many_cases_and_names_champion_and_shadow() -> None:
    w = World()
    await taught(w, TRIAL)
    uses = [
        parse_control(MODEL_KEY, record.value)
        for record in w.records(LOG)
        if record.key == MODEL_KEY
    ]
    assert [(use.version, use.shadow) for use in uses if isinstance(use, UseModel)] == [
        (1, False), (2, True), (3, False), (4, True), (5, False), (6, True), (7, False), (8, True),
    ]  # fmt: skip
    headers = [snapshot.read_header(value or b"") for value in [r.value for r in sealed_models(w)]]
    assert [header.learner for header in headers[:2]] == ["logistic", "mean"]
    assert [header.learned for header in headers] == [10, 10, 20, 20, 30, 30, 40, 40]


async def test_old_versions_leave_the_topic() -> None:
    w = World()
    await taught(w, count=300)
    assert len(w.table(MODELS)) == 20 + 1  # the roster
    assert b"offers/30" in w.table(MODELS)


async def test_champion_and_shadow_score_side_by_side_and_a_shadow_is_no_event() -> None:
    w = World()
    follow, learn = await live(w, TRIAL)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    w.put(LOG, 0, event("quote.sent", 100 * MINUTE_MS, "late"))
    await run(follow, learn)
    told = [score for score in scores(w) if score.account == "late"]
    assert [(s.model, s.shadow) for s in told] == [("logistic@7", False), ("mean@8", True)]
    published = [v for v in w.values(LOG) if v and b"score.published" in v and b'"late"' in v]
    assert len(published) == 1
    w.put(LOG, 0, event("deal.closed", 101 * MINUTE_MS, "late"))
    await run(follow, learn)
    (row,) = examples(w)[-1].rows
    assert [(said.model, said.shadow) for said in row.said] == [
        ("logistic@7", False),
        ("mean@8", True),
    ]


async def test_each_learner_is_judged_by_what_it_had_said() -> None:
    w = World()
    follow, learn = await live(w, TRIAL)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    w.put(LOG, 0, *deals(100, 30))
    await run(follow, learn)
    found = {name: v.figures() for name, v in course(learn).validations.items()}
    assert found["logistic"].cases == found["mean"].cases >= 30
    said = [
        (example.label, said.value)
        for example in examples(w)
        for row in example.rows
        for said in row.said
        if said.shadow
    ]
    brier = sum((label - value) ** 2 for label, value in said) / len(said)
    assert found["mean"].brier == pytest.approx(brier)


async def test_two_learners_are_compared_at_the_rows_at_which_both_had_spoken() -> None:
    w = World()
    follow, learn = await live(w, TRIAL)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    w.put(LOG, 0, *deals(100, 30))
    await run(follow, learn)
    found = compare(examples(w), *NAMES)
    assert found["logistic"].cases == found["mean"].cases == 30
    assert found["mean"].brier == course(learn).validations["mean"].figures().brier
    alone = [
        msgspec.structs.replace(e, rows=tuple(champion_alone(row) for row in e.rows))
        for e in examples(w)
    ]
    assert compare(alone, *NAMES)["logistic"].cases == 0


def champion_alone(row: KeptRow) -> KeptRow:
    """As if the shadow had not spoken."""
    return msgspec.structs.replace(row, said=row.said[:1])


async def test_a_promoted_shadow_is_the_champion_and_a_retired_one_is_gone() -> None:
    w = World()
    follow, learn = await live(w, TRIAL)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    decided = {name: msgspec.to_builtins(s) for name, s in compare(examples(w), *NAMES).items()}
    decision = Decide(
        task="offers", learner="mean", what="promote", by="ann", why="better", comparison=decided
    )
    w.put(EXAMPLES, 0, encode_control(decision))
    await run(follow, learn)
    w.put(LOG, 0, event("quote.sent", 100 * MINUTE_MS, "late"))
    await run(follow, learn)
    told = [(s.model, s.shadow) for s in scores(w) if s.account == "late"]
    assert told == [("mean@9", False), ("logistic@10", True)]
    retire = Decide(task="offers", learner="logistic", what="retire", by="ann", why="worse")
    w.put(EXAMPLES, 0, encode_control(retire))
    await run(follow, learn, ms=1_500)
    learn = await student(w, TRIAL).start()  # it stays so
    assert (course(learn).champion, course(learn).shadow) == ("mean", None)
    roster = decode_roster(w.table(MODELS)[b"offers"])
    assert (roster.champion, roster.shadow, roster.retired) == ("mean", None, ("logistic",))
    told = [(d.what, d.learner, d.by, d.why) for d in roster.decisions]
    assert told == [("promote", "mean", "ann", "better"), ("retire", "logistic", "ann", "worse")]
    assert set(roster.decisions[0].comparison) == set(NAMES)
    w.put(LOG, 0, event("quote.sent", 102 * MINUTE_MS, "later"))
    await run(follow, learn)
    assert [s.model for s in scores(w) if s.account == "later"] == ["mean@9"]


async def test_trees_grow_outside_and_enter_where_the_log_says() -> None:
    """The fit of a challenger: a record among the examples, so that who reads again agrees."""
    w = World()
    learn = await taught(w, {**OFFERS, "learner": "challenger"}, count=300)
    assert not dict(course(learn).fits())["challenger"].ready
    w.put(LOG, 0, *deals(1_000, 5))
    await (await follower(w).start()).drain()
    await run(learn, ms=2_000)
    assert dict(course(learn).fits())["challenger"].ready
    keys = [record.key for record in w.records(EXAMPLES)]
    assert keys.count(b"\x00grown") == 1
    again = await student(w, {**OFFERS, "learner": "challenger"}).start()
    assert course(again).dump() == course(learn).dump()


async def test_a_fit_that_fails_is_asked_for_again() -> None:
    w, tried = World(), 0

    async def fail(batch: Any) -> bytes:
        nonlocal tried
        tried += 1
        raise RuntimeError("out of memory")

    refits = Refits(w, EXAMPLES, fail)
    learn = await taught(w, {**OFFERS, "learner": "challenger"}, count=300)
    batch = dict(course(learn).fits())["challenger"].batch()
    assert batch is not None
    for _ in range(2):
        assert refits.is_free("offers", "challenger", 300)
        refits.ask(0, "offers", "challenger", batch)
        assert refits.busy is not None
        await refits.busy
    assert tried == 2


async def test_trees_that_are_none_go_to_the_dead_letters() -> None:
    w = World()
    learn = await taught(w, {**OFFERS, "learner": "challenger"})
    w.put(
        EXAMPLES,
        0,
        encode_control(Grown(task="offers", learner="challenger", learned=1, trees=b"x")),
    )
    w.put(EXAMPLES, 0, (b"offers", b"no example"))
    await run(learn)
    reasons = [dict(r.headers)["dead.reason"] for r in w.records(TOPICS.dead_letters.name)]
    assert reasons == [b"bad_model_state", b"bad_example"]


async def test_examples_of_other_features_or_of_no_task_teach_nothing() -> None:
    w = World()
    w.put(LOG, 0, *deals(0, 5))
    await (await follower(w).start()).drain()
    features = {"types": ["quote.sent"]}
    other = await student(w, {**OFFERS, "features": features}).start()
    await other.read()
    assert other.runtime.shards[0].job.snapshot(0).stats["example_other_schema"] == 5
    none = await student(w, {**OFFERS, "id": "renewals"}).start()
    await none.read()
    assert none.runtime.shards[0].job.snapshot(0).stats["example_unknown_task"] == 5


async def test_drift_is_an_alert_among_the_signals() -> None:
    """First who looks at the price buys, then nobody does."""
    w = World()
    follow, learn = await live(w)
    w.put(LOG, 0, *deals(0, 300))
    await run(follow, learn)
    rows = [event("quote.sent", (400 + i) * MINUTE_MS, f"b{i}", page="price") for i in range(300)]
    ends = [event("deal.closed", (400 + i) * MINUTE_MS + 5, f"b{i}") for i in range(300)]
    w.put(LOG, 0, *(row for pair in zip(rows, ends, strict=True) for row in pair))
    await run(follow, learn)
    drifts = [v for v in w.values(TOPICS.signals.name) if v and b'"kind":"drift"' in v]
    assert drifts
    assert course(learn).watch.counts
    assert len({record.key for record in w.records(TOPICS.alert_state.name)}) == len(drifts)


async def test_metrics_tell_what_is_learned_pending_and_how_good_it_was() -> None:
    w = World()
    follow, learn = await live(w, TRIAL)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    w.put(LOG, 0, *deals(100, 30)[:-1])
    await run(follow, learn)
    found = {
        (reading.gauge, *reading.labels[:2]): reading.value
        for reading in read_models([follow.runtime, learn.runtime])
    }
    judged = course(learn).validations["logistic"].figures()
    assert judged.auc is not None
    assert found["pathline_cases_pending", "offers", "0"] == 1
    assert found["pathline_model_auc", "offers", "logistic"] == judged.auc
    assert found["pathline_model_learned_cases", "offers", "mean"] == 69
    assert found["pathline_model_memory_bytes", "offers", "mean"] > 0
    text = generate_latest(learn.metrics.registry).decode()
    assert "pathline_scoring_seconds_total" in text
    assert {reading.gauge for reading in read_models([learn.runtime])} <= set(GAUGES)
    again = await follower(w, TRIAL).start()
    (pending,) = [r for r in read_models([again.runtime]) if r.gauge == "pathline_cases_pending"]
    assert pending.value == 1
