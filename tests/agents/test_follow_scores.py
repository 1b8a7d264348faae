"""A score that only time has moved is in as much of a hurry as an alert."""

from __future__ import annotations

from typing import Any

from streams.control import Tick
from streams.job import LogRecord
from tests.agents.test_follow import HOUR_MS, LOG, TOPICS, control, event, worker
from tests.agents.world import NOW_MS, World

SEEN: dict[str, Any] = {
    "id": "seen",
    "kind": "signal",
    "on": {"type": "page.viewed"},
    "weight": {"value": 1.0, "half_life": "1h"},
}


async def test_a_score_that_has_faded_waits_and_is_told_once() -> None:
    w = World()
    w.put(LOG, 0, event("page.viewed"))
    live = await worker(w, SEEN).start()
    await live.run_for(500)
    job = live.runtime.shards[0].job
    assert not job.outputs_waiting
    later_ms = NOW_MS + 3 * HOUR_MS
    job.apply([LogRecord(9, later_ms, *control(Tick(clock_ms=later_ms)))])
    assert job.outputs_waiting, "no alert is beside it"
    assert {out.topic for out in job.tell(later_ms).outputs} == {TOPICS.scores.name}
    assert not job.outputs_waiting
