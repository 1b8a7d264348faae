"""A shard: all that a worker holds for one partition of one agent, from assignment to revocation.

It decides, and does nothing: which records of a delivery continue the log, when a checkpoint is
due, whether the clock may tick. Faust may lose, repeat or reorder a delivery; the position may not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from streams.job import Job, Poison, Record
from streams.ports import Writer

STALL_S = 5.0
POISON_MAX = 100  # between two checkpoints


class Batch(NamedTuple):
    """What one fetch brought of one partition: the log from `start` up to `end`, all of it.

    records may be fewer than end - start: a commit marker, an aborted record, a compacted one hold
    an offset too. generation: of the group when they were fetched. epoch: seeks before that.
    """

    records: Sequence[Record]
    start: int
    end: int
    generation: int
    epoch: int


class Verdict(StrEnum):
    """What becomes of a delivery."""

    FITS = "fits"
    REPEATED = "repeated"
    HOLE = "hole"
    STALE = "stale"


class Pace(NamedTuple):
    """checkpoint_s: longest time between two checkpoints, s. output_delay_s: ... when outputs
    wait and the partition is live, s. tick_every_s: shortest time between two ticks, s.
    """

    checkpoint_s: float
    output_delay_s: float
    tick_every_s: float


class Shard:
    """next: offset of the next record to apply. committed: the same, as the changelog has it.

    ready: opened from the recovered table. uncommitted: records since the last snapshot.
    last_append: ms, append time of the newest applied record. tries: since the last progress.
    poison: see streams/quarantine.py. waits_since: s, of the oldest uncommitted move.
    """

    def __init__(self, partition: int, generation: int, writer: Writer, now_s: float) -> None:
        self.partition = partition
        self.generation = generation
        self.writer = writer
        self.lock = asyncio.Lock()  # one transaction at a time; records are applied meanwhile
        self.ready = False
        self.job: Job
        self.next = self.committed = -1
        self.epoch = -1
        self.uncommitted = 0
        self.last_append = 0
        self.tries = 0
        self.poison: list[Poison] = []
        self.checkpointed_at = self.moved_at = now_s
        self.waits_since: float | None = None
        self.ticked_at = 0.0

    def open(self, job: Job, next: int, now_s: float) -> None:
        """Take up a job that stands at `next`; deliveries count from the next seek on."""
        self.job = job
        self.next = next
        self.committed = -1  # so that a first checkpoint tells monitors where the group stands
        self.uncommitted = 0
        self.checkpointed_at = self.moved_at = now_s
        self.waits_since = None

    def learn(self, poison: Poison) -> bool:
        """Remember what broke the engine; False when that does not help, or it is too much."""
        self.poison = [known for known in self.poison if known.offset >= self.committed]
        seen = [(known.offset, known.account) for known in self.poison]
        self.poison.append(poison)
        return (poison.offset, poison.account) not in seen and len(seen) < POISON_MAX

    def admit(self, batch: Batch) -> tuple[Verdict, Sequence[Record]]:
        """The records that continue the log, if the delivery does; called once per delivery."""
        if not self.ready or batch.generation != self.generation or batch.epoch < self.epoch:
            return Verdict.STALE, ()
        if batch.start > self.next:
            return Verdict.HOLE, ()
        if batch.end <= self.next:
            return Verdict.REPEATED, ()
        if batch.start == self.next:
            return Verdict.FITS, batch.records
        return Verdict.FITS, [r for r in batch.records if r.offset >= self.next]

    def moved(self, next: int, records: Sequence[Record], now_s: float) -> None:
        """These records have been applied, and with them the log up to `next`."""
        self.next = next
        self.moved_at = now_s
        self.tries = 0
        if self.waits_since is None:
            self.waits_since = now_s
        if records:
            self.uncommitted += len(records)
            self.last_append = records[-1].timestamp

    def commit(self, next: int, now_s: float) -> None:
        """The changelog has everything before `next`."""
        self.committed = next
        self.checkpointed_at = now_s
        self.waits_since = None if next == self.next else now_s

    def is_checkpoint_due(self, now_s: float, now_ms: int, pace: Pace) -> bool:
        """Outputs show at commit only, so they are soon; but a backlog is not in a hurry."""
        if not self.ready or self.next == self.committed or self.lock.locked():
            return False
        is_live = now_ms - self.last_append < pace.checkpoint_s * 1000
        is_urgent = is_live and self.job.outputs_waiting
        delay = min(pace.checkpoint_s, pace.output_delay_s) if is_urgent else pace.checkpoint_s
        return now_s - self.checkpointed_at >= delay

    def tick_due(self, now_s: float, until_ms: int, end: int | None, pace: Pace) -> int | None:
        """ms of the tick that a due deadline waits for; None: no tick.

        until_ms: how far the clock may go. end: of the log as last seen; only who has read up to
        there may tick, or a deadline would fire before its answer is read.
        """
        due = self.job.next_deadline()
        if due is None or due > until_ms or until_ms <= self.job.clock:
            return None
        if not self.ready or end is None or self.next < end:
            return None
        return until_ms if now_s - self.ticked_at >= pace.tick_every_s else None

    def is_stalled(self, now_s: float, end: int | None) -> bool:
        """The log goes on, nothing waits and nothing arrives: a delivery was lost at its end."""
        behind = self.ready and end is not None and self.next < end
        return behind and now_s - self.moved_at > STALL_S
