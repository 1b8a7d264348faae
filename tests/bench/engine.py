"""Part `engine`: the pure engine alone, decoding included, without Kafka: what the rules cost.

Its alerts are what a worker must say about the same log; the other parts are held against them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

from rules.loader import parse
from rules.partition import Partition
from rules.ruleset import compile_rules
from streams.codec import parse_event
from streams.settings import Settings
from streams.worker import GC_THRESHOLD
from tests.bench.feeder import partition_of
from tests.bench.rules import RULES, filled
from tests.bench.stage import Plan
from tests.bench.traffic import traffic

CHUNK = 5_000  # events between two looks at the clock
SAMPLE = 200_000  # events for the cost by number of rules


@dataclass
class Cost:
    """cpu_s: decoding and rules; decode_s: of it, decoding. alerts: by alert_id."""

    rules: int
    events: int = 0
    cpu_s: float = 0.0
    decode_s: float = 0.0
    alerts: Counter[str] = field(default_factory=Counter)

    @property
    def us_per_event(self) -> float:
        """CPU, µs."""
        return self.cpu_s / self.events * 1e6


async def advance(
    rules: Sequence[dict[str, Any]], records: Iterator[tuple[bytes, bytes]], settings: Settings
) -> Cost:
    """Apply the records to the partitions of a topic; making the traffic is not counted."""
    partitions = _partitions(rules, settings)
    offsets = [count() for _ in partitions]
    cost = Cost(len(rules))
    while chunk := list(islice(records, CHUNK)):
        places = [partition_of(key, len(partitions)) for key, _ in chunk]
        numbers = [next(offsets[place]) for place in places]
        began = time.process_time()
        events = [parse_event(chunk[i][1], numbers[i]) for i in range(len(chunk))]
        decoded = time.process_time()
        outputs = [partitions[place].advance(events[i]) for i, place in enumerate(places)]
        cost.cpu_s += time.process_time() - began
        cost.decode_s += decoded - began
        cost.events += len(chunk)
        cost.alerts.update(output.alert.alert_id for some in outputs for output in some)
        await asyncio.sleep(0)  # a place to stop at
    return cost


def _partitions(rules: Sequence[dict[str, Any]], settings: Settings) -> list[Partition]:
    content = {"v": 1, "rules": [filled(rule) for rule in rules], "calendars": []}
    rule_set = compile_rules(parse(json.dumps(content).encode()))
    lateness_ms = int(settings.lateness_s * 1000)
    return [
        Partition(rule_set, topic="interactions", partition=number, lateness_ms=lateness_ms)
        for number in range(settings.partitions)
    ]


async def measure_engine(plan: Plan) -> list[Cost]:
    """With 1, 10 and 20 rules on a sample, and with 20 on the whole preload, which comes last."""
    gc.set_threshold(*GC_THRESHOLD)  # as the worker does
    settings = Settings()
    events = min(SAMPLE, plan.events)
    costs = []
    for rules in (RULES[:1], RULES[::2], RULES):
        sample = traffic(events, events * plan.accounts // plan.events)
        costs.append(await advance(rules, sample, settings))
    return [*costs, await advance(RULES, plan.preload(), settings)]
