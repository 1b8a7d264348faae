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
from streams.position import Position

STALL_S = 5.0
RENEW_S = 6 * 3600.0
POISON_MAX = 100  # between two checkpoints
BEHIND = 4  # times as long between two states while a backlog is read: nobody waits for them
IDLE = 10  # times as long between two states as writing one takes: outputs wait meanwhile


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
    """checkpoint_s: longest time between two states, s; up to `BEHIND` times that in a backlog, or
    when writing one takes long.
    output_delay_s: ... until outputs are told where the partition is live, s. tick_every_s:
    shortest time between two ticks, s.
    """

    checkpoint_s: float
    output_delay_s: float
    tick_every_s: float


class Shard:
    """next: offset of the next record to apply. committed: up to there all is told, for all to see.

    kept: the position of the state in the changelog, at or before `committed`; kept_at, and what it
    took to write, s. told: up to there the log is applied again after opening, see Position.
    uncommitted: records since `kept`. ready: opened from the recovered table.
    last_append: ms, append time of the newest applied record. end: of the log as last seen. tries:
    since the last progress. poison: see streams/quarantine.py. waits_since: s, of the oldest
    uncommitted move.
    """

    def __init__(self, partition: int, generation: int, writer: Writer, now_s: float) -> None:
        self.partition = partition
        self.generation = generation
        self.writer = writer
        self.lock = asyncio.Lock()  # one transaction at a time; records are applied meanwhile
        self.ready = False
        self.job: Job
        self.next = self.committed = self.told = -1
        self.kept = Position(-1, {})
        self.kept_at = now_s
        self.kept_took_s = 0.0
        self.epoch = -1
        self.uncommitted = 0
        self.last_append = 0
        self.end: int | None = None
        self.tries = 0
        self.poison: list[Poison] = []
        self.checkpointed_at = self.moved_at = now_s
        self.waits_since: float | None = None
        self.ticked_at = 0.0

    def open(self, job: Job, position: Position, now_s: float) -> None:
        """Take up a job that stands at `position`; deliveries count from the next seek on."""
        self.job = job
        self.kept = position
        self.kept_at = now_s
        self.next = position.next
        self.told = max(position.told, position.next)
        self.committed = -1  # so that a first checkpoint tells monitors where the group stands
        self.uncommitted = 0
        self.checkpointed_at = self.moved_at = now_s
        self.waits_since = None

    def learn(self, poison: Poison) -> bool:
        """Remember what broke the engine; False when that does not help, or it is too much."""
        self.poison = [known for known in self.poison if known.offset >= self.kept.next]
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

    @property
    def is_retelling(self) -> bool:
        """What is being applied has been told by an owner before us."""
        return self.next < self.told

    @property
    def has_news(self) -> bool:
        """A checkpoint would write something that is not in the log yet."""
        if not self.ready or self.is_retelling:
            return False
        return self.next != self.committed or self.next != self.kept.next

    def commit(self, position: Position, now_s: float, took_s: float = 0.0) -> None:
        """The changelog has this position: everything before its `told` is out.

        took_s: to write it.
        """
        self.committed = position.told
        self.checkpointed_at = now_s
        if position.next == position.told:
            self.kept = position
            self.kept_at, self.kept_took_s = now_s, took_s
        self.waits_since = None if position.next == self.next else now_s

    def renew(self, now_s: float) -> None:
        """Commit now and then what stands still, lest Kafka forgets it: the offsets of a group
        without members expire, after 7 days by default.
        """
        if now_s - self.checkpointed_at >= RENEW_S:
            self.committed = -1

    def is_checkpoint_due(self, now_s: float, now_ms: int, pace: Pace) -> bool:
        """Outputs show at commit only, so they are soon; but a backlog is not in a hurry."""
        if not self.has_news or self.lock.locked():
            return False
        if now_s - self.kept_at >= self._state_every_s(now_ms, pace):
            return True
        delay_s = pace.checkpoint_s
        if self._is_live(now_ms, pace):
            delay_s = min(delay_s, pace.output_delay_s)
        return self.job.outputs_waiting and now_s - self.checkpointed_at >= delay_s

    def is_whole_due(self, now_s: float, now_ms: int, pace: Pace) -> bool:
        """The state as well; always the first time, so that there is one to go on from."""
        fresh = now_s - self.kept_at < self._state_every_s(now_ms, pace)
        return not (fresh and self.job.tells_apart and self.kept.header)

    def _is_live(self, now_ms: int, pace: Pace) -> bool:
        return now_ms - self.last_append < pace.checkpoint_s * 1000

    def _state_every_s(self, now_ms: int, pace: Pace) -> float:
        most_s = BEHIND * pace.checkpoint_s
        if self.end is not None and self.next < self.end and not self._is_live(now_ms, pace):
            return most_s
        return min(most_s, max(pace.checkpoint_s, IDLE * self.kept_took_s))

    def tick_due(self, now_s: float, until_ms: int, end: int | None, pace: Pace) -> int | None:
        """ms of the tick that a due deadline waits for; None: no tick.

        until_ms: how far the clock may go. end: of the log as last seen; only who has read up to
        there may tick, or a deadline would fire before its answer is read.
        """
        due = self.job.next_deadline()
        if due is None or due > until_ms or until_ms <= self.job.clock:
            return None
        if not self.ready or self.is_retelling or end is None or self.next < end:
            return None
        return until_ms if now_s - self.ticked_at >= pace.tick_every_s else None

    def is_quiet(self, now_s: float) -> bool:
        """Nothing has arrived for long: nothing was sent, or a delivery was lost at its end."""
        return self.ready and now_s - self.moved_at > STALL_S
