"""Scores that are learned while events flow: from the first, withheld one to a model's reasons."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from models.learners.encoder import Encoder
from streams.control import MODEL_KEY, Erase, Tick
from streams.scoring import CASES
from tests.agents.learning import (
    EXAMPLES,
    LOG,
    MINUTE_MS,
    MODELS,
    OFFERS,
    compiled,
    deals,
    examples,
    follower,
    live,
    run,
    scores,
    sealed_models,
    student,
)
from tests.agents.test_follow import SLA, alerts, control, event
from tests.agents.world import NOW_MS, World

DAY_MS = 86_400_000


async def test_before_there_is_a_model_a_score_is_withheld_once_with_the_reason() -> None:
    w = World()
    w.put(LOG, 0, event("quote.sent"), event("page.viewed", 1), event("page.viewed", 2))
    await (await follower(w).start()).drain()
    (score,) = scores(w)
    assert (score.account, score.task, score.value) == ("acme", "offers", None)
    assert (score.why, score.model) == ("no model has been published yet", None)


async def test_a_case_whose_label_is_known_goes_to_the_examples_with_its_rows() -> None:
    w = World()
    w.put(LOG, 0, event("quote.sent"), event("page.viewed", 5), event("deal.closed", 9))
    w.put(LOG, 0, event("page.viewed", 20))  # no case any more
    await (await follower(w).start()).drain()
    (example,) = examples(w)
    assert (example.label, example.matured_at, example.since) == (1, NOW_MS + 9, NOW_MS)
    assert [row.moment for row in example.rows] == [NOW_MS, NOW_MS + 5]
    assert [r.key for r in w.records(EXAMPLES)] == [b"offers"]


async def test_past_its_horizon_a_case_is_censored_and_teaches_nothing() -> None:
    w = World()
    w.put(LOG, 0, event("quote.sent"))
    w.clock.ms += 31 * DAY_MS
    w.put(LOG, 0, control(Tick(clock_ms=w.clock.ms)), event("deal.closed", 31 * DAY_MS))
    live = await follower(w).start()
    await live.read()
    stats = live.runtime.shards[0].job.snapshot(0).stats
    assert (stats["score_case_horizon"], examples(w)) == (1, [])


async def test_the_horizon_of_a_case_is_a_deadline_for_the_clock() -> None:
    w = World()
    w.put(LOG, 0, event("quote.sent"))
    live = await follower(w).start()
    await live.read()
    assert live.runtime.shards[0].job.next_deadline() == NOW_MS + 30 * DAY_MS
    await live.runtime.close()
    again = await follower(w).start()  # still asleep
    assert again.runtime.shards[0].job.next_deadline() == NOW_MS + 30 * DAY_MS


async def test_after_enough_cases_scores_come_from_a_model_with_reasons() -> None:
    w = World()
    follow, learn = await live(w)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    assert len(examples(w)) == 40
    assert {r.key for r in sealed_models(w)} == {b"offers/%d" % v for v in (1, 2, 3, 4)}
    w.put(LOG, 0, *deals(100, 30)[:-1])
    await run(follow, learn)
    told = [score for score in scores(w) if score.value is not None]
    assert told
    assert {score.model for score in told} <= {"logistic@4", "logistic@5", "logistic@6"}
    assert all(0 <= score.value <= 1 and score.reasons for score in told if score.value)
    assert told[-1].percentile is None or 0 <= told[-1].percentile <= 100
    (offers,) = compiled()
    names = Encoder(offers.features.schema).schema.names
    assert {reason.feature for score in told for reason in score.reasons} <= set(names)


async def test_a_score_is_an_event_of_its_account_which_rules_read() -> None:
    above = {
        "id": "likely", "kind": "score", "task": "offers", "when": {"value": ">= 0"},
    }  # fmt: skip
    w = World()
    follow = await follower(w, rules=[above]).start()
    learn = await student(w).start()
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    w.put(LOG, 0, event("quote.sent", 100 * MINUTE_MS, "late"))
    await run(follow, learn)
    (published,) = [
        found
        for value in w.values(LOG)
        if (found := json.loads(value or b"{}")).get("subject") == "late"
        and found["type"] == "score.published"
    ]
    (score,) = [score for score in scores(w) if score.account == "late"]
    assert published["data"] == {"task": "offers", "value": score.value, "model": score.model}
    assert "late" in {alert["account"] for alert in alerts(w, "pathline.signals.v1")}


async def test_a_score_that_moves_less_than_the_step_is_not_told_again() -> None:
    w = World()
    follow, learn = await live(w)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    views = [event("page.viewed", 100 * MINUTE_MS + i, "calm", page="help") for i in range(50)]
    w.put(LOG, 0, event("quote.sent", 100 * MINUTE_MS, "calm"), *views)
    await run(follow, learn)
    told = [score.value for score in scores(w) if score.account == "calm"]
    assert 0 < len(told) < 20
    moves = [abs(b - a) for a, b in pairwise(told) if a and b]
    assert all(move >= 0.05 for move in moves)


async def test_what_was_said_at_a_time_does_not_depend_on_what_came_later() -> None:
    """The same events in one world and their first part in another: the same scores up to there."""
    rows = deals(0, 60)
    cut = 170
    told = []
    for part in (rows, rows[:cut]):
        w = World()
        follow, learn = await live(w)
        w.put(LOG, 0, *part[:120])
        await run(follow, learn)
        w.put(LOG, 0, *part[120:cut])
        await run(follow, learn)
        up_to = len(scores(w))
        w.put(LOG, 0, *part[cut:])
        await run(follow, learn)
        told.append([(s.score_id, s.value, s.percentile) for s in scores(w)[:up_to]])
    assert told[0] == told[1]
    assert any(value is not None for _, value, _ in told[0])


async def test_an_erased_account_leaves_no_cases_behind() -> None:
    w = World()
    w.put(LOG, 0, event("quote.sent"))
    await (await follower(w).start()).drain()
    assert CASES + b"acme" in w.table("follow-changelog")
    w.put(LOG, 0, control(Erase(account="acme")))
    await (await follower(w).start()).drain()
    assert CASES + b"acme" not in w.table("follow-changelog")
    w.put(LOG, 0, event("deal.closed", 5))
    await (await follower(w).start()).drain()
    assert examples(w) == []


async def test_another_version_of_a_task_begins_its_cases_anew() -> None:
    w = World()
    w.put(LOG, 0, event("quote.sent"))
    await (await follower(w).start()).drain()
    w.put(LOG, 0, event("deal.closed", 5))
    changed = await follower(w, {**OFFERS, "version": "2.0.0"}).start()
    await changed.read()
    stats = changed.runtime.shards[0].job.snapshot(0).stats
    assert stats["score_task_changed"] == 1
    assert examples(w) == []


async def test_models_that_nobody_scores_with_are_passed_over() -> None:
    """A worker without tasks reads a log that another one wrote."""
    from tests.agents.test_follow import worker

    w = World()
    follow, learn = await live(w)
    w.put(LOG, 0, *deals(0, 20))
    await run(follow, learn)
    assert MODEL_KEY in {record.key for record in w.records(LOG)}
    await follow.runtime.close()
    plain = await worker(w, SLA).start()
    await plain.drain()
    w.put(LOG, 0, event("quote.sent", 999 * MINUTE_MS))
    await (await worker(w, SLA).start()).drain()
    back = await follower(w).start()
    assert back.runtime.shards[0].job.next_deadline() is None, "cases from before have no past"


@pytest.mark.parametrize("cut", [1, 7, 40, 90, 133])
async def test_a_worker_that_takes_over_goes_on_with_equal_scores(cut: int) -> None:
    """kill -9 of both between two batches: what follows is equal to 1e-12, nothing twice."""
    told = []
    for killed in (False, True):
        w = World()
        follow, learn = await live(w)
        rows = deals(0, 60)
        for at in range(0, len(rows), cut):
            w.put(LOG, 0, *rows[at : at + cut])
            await run(follow, learn, ms=200)
            if killed:
                follow, learn = await live(w)
        await run(follow, learn)
        told.append((scores(w), examples(w), w.values(MODELS)))
    (one, learned, sealed), (other, learned_again, sealed_again) = told
    assert [s.score_id for s in one] == [s.score_id for s in other]
    assert [s.value for s in one] == pytest.approx([s.value for s in other], abs=1e-12)
    assert [s.percentile for s in one] == [s.percentile for s in other]
    assert learned == learned_again
    assert sealed == sealed_again
