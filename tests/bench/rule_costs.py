"""Part `rules`: what rules cost as they become many, and how long their tests take.

An event pays for the rules that read its type, not for those that do not.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rules.check import check
from rules.loader import load
from streams.settings import Settings
from streams.worker import GC_THRESHOLD
from tests.bench.engine import Cost, advance
from tests.bench.rules import LONG, write_rules
from tests.bench.stage import Plan
from tests.bench.traffic import BACKGROUND, traffic

COUNTS = (1, 10, 100, 500)
BUSY = 10  # of the 500 rules in the comparison, those that read what occurs
SAMPLE = 10_000  # events
ROUNDS = 3  # of each side of the comparison, in turn; the best counts
TYPES = list(BACKGROUND)
START = "2026-03-02T09:00:00+00:00"
Rules = list[dict[str, Any]]


@dataclass
class RuleCosts:
    """spread, on_one_type: for each number of rules. busy, among_idle: 10 alone, and among 500.

    tested_s: CPU s for the tests of 100 rules, two each, loading included.
    """

    spread: list[Cost]
    on_one_type: list[Cost]
    busy: Cost
    among_idle: Cost
    tested_s: float

    @property
    def ratio(self) -> float:
        """Of the engine, decoding left out."""
        return _engine_s(self.among_idle) / _engine_s(self.busy)


def _engine_s(cost: Cost) -> float:
    return cost.cpu_s - cost.decode_s


def rule(number: int, lead: str, answer: str) -> dict[str, Any]:
    """Of the three kinds in turn: this type, then that one, or not."""
    id = f"rule-{number}"
    if number % 3 == 0:
        steps = [{"type": lead, "where": LONG}, {"type": answer}]
        return {"id": id, "kind": "sequence", "steps": steps, "within": "10m"}
    if number % 3 == 1:
        start, stop = {"type": lead, "where": LONG}, {"type": answer}
        return {"id": id, "kind": "sla", "start": start, "stop": stop, "goal": {"within": "2h"}}
    anchor, deadline = {"type": lead, "where": LONG}, {"after": "3d"}
    expect = {"type": answer}
    return {"id": id, "kind": "absence", "anchor": anchor, "expect": expect, "deadline": deadline}


def spread(count: int) -> Rules:
    """Over all types."""
    pairs = [(lead, answer) for lead in TYPES for answer in TYPES if lead != answer]
    step = 17  # has no factor in common with the number of pairs, so the leads take turns
    return [rule(i, *pairs[i * step % len(pairs)]) for i in range(count)]


def on_one_type(count: int) -> Rules:
    """The commonest one leads them all."""
    return [rule(i, TYPES[0], TYPES[1 + i % (len(TYPES) - 1)]) for i in range(count)]


def idle(first: int, count: int) -> Rules:
    """They read types that do not occur."""
    return [rule(i, f"idle.began_{i}", f"idle.ended_{i}") for i in range(first, first + count)]


async def _measure(rules: Sequence[dict[str, Any]], events: int) -> Cost:
    return await advance(rules, traffic(events, max(10, events // 100)), Settings())


async def measure_rules(plan: Plan) -> RuleCosts:
    """Each on the same events."""
    gc.set_threshold(*GC_THRESHOLD)  # as the worker does
    events = min(SAMPLE, plan.events)
    busy = spread(BUSY)
    crowd = [*busy, *idle(BUSY, COUNTS[-1] - BUSY)]
    rounds = [(await _measure(busy, events), await _measure(crowd, events)) for _ in range(ROUNDS)]
    return RuleCosts(
        spread=[await _measure(spread(count), events) for count in COUNTS],
        on_one_type=[await _measure(on_one_type(count), events) for count in COUNTS],
        busy=min((alone for alone, _ in rounds), key=_engine_s),
        among_idle=min((among for _, among in rounds), key=_engine_s),
        tested_s=await asyncio.to_thread(_test_hundred),
    )


def _test_hundred() -> float:
    silent = {"name": "silent", "start": START, "events": [], "expect": []}
    event = {"at": "0s", "type": TYPES[0], "data": {"dwell_s": 200}}
    expect = [{"at": "1h", "state": "pending"}, {"at": "2h", "state": "firing"}]
    fires = {"name": "fires", "start": START, "events": [event], "run_until": "1d"}
    tests = [silent, {**fires, "expect": expect}]
    sla = {**rule(1, TYPES[0], TYPES[1]), "warn_at": [0.5], "tests": tests}
    with TemporaryDirectory() as folder:
        rules = write_rules(Path(folder), [{**sla, "id": f"rule-{i}"} for i in range(100)])
        began = time.process_time()
        outcomes = check(load(rules, Settings().calendars))
        taken = time.process_time() - began
    assert [outcome.passed for outcome in outcomes] == [True] * 200, "they test what they say"
    return taken
