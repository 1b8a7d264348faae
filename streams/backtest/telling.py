"""Hands the records of a partition to its job one by one, and writes down what it says to each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from models.alert import decode_alert
from models.errors import BadInput
from models.event import Event
from models.learned_score import LearnedScore
from models.score import decode_score
from rules.condition import compile_condition
from rules.context import Output
from rules.roles import SCORE_TYPE
from streams.backtest.bad_rows import BadRows
from streams.backtest.lane import LaneResult, hear
from streams.backtest.parts import Parts
from streams.backtest.plan import EventOutcome
from streams.codec import parse_event
from streams.control import is_control
from streams.follow_job import FollowJob
from streams.job import Out, Record

PLACES = 1 << 48  # offsets that a partition may have, so that parts merge by partition


class Names(NamedTuple):
    """Of topics. alerts: the short name by the full one."""

    alerts: Mapping[str, str]
    scores: str
    dead_letters: str


class PartitionResult(NamedTuple):
    """counts: read, events, bad. bad: by reason. first_ms, last_ms: event times."""

    counts: Counter[str]
    bad: Counter[str]
    first_ms: int | None
    last_ms: int | None
    lane: LaneResult


class Telling:
    """One reading of a partition. outcome: the events that alerts are held against."""

    def __init__(
        self,
        partition: int,
        job: FollowJob,
        names: Names,
        parts: Parts,
        bad: BadRows,
        outcome: EventOutcome | None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._places = partition * PLACES
        self._next = 0
        self._job, self._names, self._parts, self._bad = job, names, parts, bad
        self._outcome = outcome.type if outcome else None
        self._needles = [SCORE_TYPE.encode(), *([outcome.type.encode()] if outcome else ())]
        self._where: Callable[[Event], bool] = lambda event: True
        if outcome and outcome.where:
            self._where = compile_condition(outcome.where)
        self._stats: Counter[str] = Counter()
        self._first_ms: int | None = None
        self._cpu_s = 0.0

    def apply(self, record: Record) -> None:
        """The next record of the log. Raises Poison."""
        began = time.process_time()
        place = self._places + record.offset
        self._next = record.offset + 1
        self.counts["read"] += 1
        self._job.apply([record])
        learned = None
        if not is_control(record.key):
            self.counts["events"] += 1
            value = record.value or b""
            if self._first_ms is None or any(needle in value for needle in self._needles):
                learned = self._look_at(place, record)
        if learned or self._job.outputs_waiting:
            self._tell(place, learned)
        self._cpu_s += time.process_time() - began

    def tick(self, clock_ms: int) -> None:
        """Behind the last record time goes on to there."""
        partition = self._job.partition
        outputs = partition.tick(clock_ms)
        self._parts.tell(self._places + self._next, outputs, partition.take_scores())

    def result(self, name: str) -> PartitionResult:
        self._stats += self._job.tell(0).stats
        accounts, parts = self._job.partition.accounts, self._parts
        latest = max((account.latest for account in accounts.values()), default=0)
        lane = LaneResult(
            name, self._job.clock, self._stats, parts.counts, parts.topics, len(accounts),
            self._cpu_s,
        )  # fmt: skip
        return PartitionResult(self.counts, self._bad.counts, self._first_ms, latest or None, lane)

    def _look_at(self, place: int, record: Record) -> LearnedScore | None:
        """Once more than the job: few events are outcomes or scores."""
        try:
            event = parse_event(record.value, record.offset)
        except BadInput:
            return None
        if self._first_ms is None:
            self._first_ms = event.at
        if event.type == self._outcome and self._where(event):
            self._parts.tell_outcome(place, event)
        return hear(event, self._job.partition) if event.type == SCORE_TYPE else None

    def _tell(self, place: int, learned: LearnedScore | None) -> None:
        snapshot = self._job.tell(0)
        self._stats += snapshot.stats
        alerts, scores = [], []
        for out in snapshot.outputs:
            if short := self._names.alerts.get(out.topic):
                alerts.append(Output(short, replace(decode_alert(out.value or b""),
                                                    emitted_at=None)))  # fmt: skip
            elif out.topic == self._names.scores:
                scores.append(replace(decode_score(out.value or b""), emitted_at=None))
            elif out.topic == self._names.dead_letters:
                self._reject(out)
        self._parts.tell(place, alerts, scores, learned)

    def _reject(self, out: Out) -> None:
        told = {name.removeprefix("dead."): text.decode() for name, text in out.headers
                if name.startswith("dead.")}  # fmt: skip
        place = {"topic": told["topic"], "partition": int(told["partition"]),
                 "offset": int(told["offset"])}  # fmt: skip
        self.counts["bad"] += 1
        raw = (out.value or b"").decode("utf-8", "replace")
        self._bad.add(place, told["reason"], told["message"], raw)
