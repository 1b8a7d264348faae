"""A lane: some of the accounts of a log, under the one clock that all of them share.

Around `rules/partition.py`, which live and replay have in common. With one lane the partition's own
clock is that clock. With several, each is told how the clock went, and stops wherever it brought a
deadline of its own accounts due: a decision then sees the same instant, whoever's event moved it.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from models.event import Event
from models.identity import HASH_BYTES, event_hash
from models.learned_score import LearnedScore
from rules.condition import compile_condition
from rules.partition import Partition
from rules.roles import SCORE_TYPE
from streams.backtest.parts import Parts
from streams.backtest.plan import Plan
from streams.backtest.scored import heard

Clocks = Sequence[int]
"""By place in the log: what the clock is after it, ms."""


class LaneResult(NamedTuple):
    """name: of the parts. clock_ms: at the end. cpu_s: of decisions and what they write; reading is
    apart. stats: counts by named reason.
    """

    name: str
    clock_ms: int
    stats: Counter[str]
    told: Counter[str]
    topics: dict[str, str]
    accounts: int
    cpu_s: float


class Lane:
    """One partition of accounts. name: of its parts.

    Scores are what the partition scores (momentum), and the learned ones that the log holds.
    """

    def __init__(self, plan: Plan, name: str) -> None:
        self.name = name
        self.parts = Parts(plan.folder, name, plan.run)
        self.partition = Partition(
            plan.rules,
            topic=plan.topic,
            partition=0,
            lateness_ms=plan.lateness_ms,
            limits=plan.limits,
        )
        self._outcome = plan.outcome.type if plan.outcome else None
        self._where: Callable[[Event], bool] = lambda event: True
        if plan.outcome and plan.outcome.where:
            self._where = compile_condition(plan.outcome.where)
        self._cpu_s = 0.0

    def apply(self, events: Sequence[Event]) -> None:
        """The only lane: all events of the log, in its order. `offset` is the place."""
        began = time.process_time()
        for event in events:
            self._advance(event)
        self._cpu_s += time.process_time() - began

    def follow(self, first: int, clocks: Clocks, events: Sequence[Event]) -> None:
        """One of several lanes: a stretch of the log from place `first` on.

        clocks: of the whole stretch. events: of this lane's accounts, in order.
        """
        began = time.process_time()
        context = self.partition.context
        for event in events:
            before = event.offset - first  # so many events of the stretch stand before it
            if before and clocks[before - 1] > context.clock:
                self._pass(first, clocks, before)
            self._advance(event)
        self._pass(first, clocks, len(clocks))
        self._cpu_s += time.process_time() - began

    def finish(self, place: int, clock_ms: int | None) -> LaneResult:
        """The log is over; clock_ms: the clock moves on to there."""
        if clock_ms is not None:
            self._tick(place, clock_ms)
        self.parts.close()
        partition, parts = self.partition, self.parts
        return LaneResult(
            self.name, partition.clock, partition.stats, parts.counts, parts.topics,
            len(partition.accounts), self._cpu_s,
        )  # fmt: skip

    def _advance(self, event: Event) -> None:
        partition = self.partition
        outputs = partition.advance(event)
        learned = hear(event, partition) if event.type == SCORE_TYPE else None
        if outputs or learned or partition.context.scores:
            self.parts.tell(event.offset, outputs, partition.take_scores(), learned)
        if event.type == self._outcome and self._where(event):
            self.parts.tell_outcome(event.offset, event)

    def _pass(self, first: int, clocks: Clocks, end: int) -> None:
        """The clock went on over the first `end` events of a stretch, all of other lanes."""
        context = self.partition.context
        if not end or (last := clocks[end - 1]) <= context.clock:
            return
        at = 0
        while context.heap:
            due = max(context.heap[0][0], context.clock + 1)  # what is due waits for a move
            if due > last:
                break
            at = bisect_left(clocks, due, at, end)
            self._tick(first + at, clocks[at])
        self._tick(first + end - 1, last)

    def _tick(self, place: int, clock_ms: int) -> None:
        outputs = self.partition.tick(clock_ms)
        if outputs or self.partition.context.scores:
            self.parts.tell(place, outputs, self.partition.take_scores())


def hear(event: Event, partition: Partition) -> LearnedScore | None:
    """Of an event `score.published` that the partition has seen; a repeat says nothing new."""
    if partition.account(event.subject).offset != event.offset:
        return None
    if (score := heard(event)) is None:
        partition.stats["score_event_unreadable"] += 1
    return score


class SharedClock:
    """The clock over all accounts of a log, for those who see only some of them.

    It repeats of `rules/` what moves the clock: docs/semantics.md, "The log, the clock".
    """

    def __init__(self, lateness_ms: int, ids_max: int) -> None:
        self.now = 0
        self._lateness_ms = lateness_ms
        self._memory = Memory(ids_max)

    def after(self, events: Sequence[Event]) -> array[int]:
        """What it is after each of them."""
        now, lateness_ms, is_new = self.now, self._lateness_ms, self._memory.is_new
        clocks = array("q")
        for event in events:
            if is_new(event) and event.at - lateness_ms > now:
                now = event.at - lateness_ms
            clocks.append(now)
        self.now = now
        return clocks


class Memory:
    """Of each account the newest ids, as `models/account.py` remembers them."""

    def __init__(self, ids_max: int) -> None:
        self._seen: dict[str, bytearray] = {}
        self._bytes_max = ids_max * HASH_BYTES

    def is_new(self, event: Event) -> bool:
        """False for a repeat; the event is remembered."""
        key, seen = event_hash(event.source, event.id), self._seen.get(event.subject)
        if seen is None:
            seen = self._seen[event.subject] = bytearray()
        if key in seen:
            return False
        seen += key
        if len(seen) > self._bytes_max:
            del seen[:HASH_BYTES]
        return True
