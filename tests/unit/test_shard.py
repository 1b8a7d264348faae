"""Admission: which records of a delivery continue the log. Faust may lose, repeat, reorder."""

from __future__ import annotations

from typing import Any, cast

import pytest

from streams.job import LogRecord, Poison
from streams.position import Position
from streams.shard import BEHIND, POISON_MAX, RENEW_S, STALL_S, Batch, Pace, Shard, Verdict

PACE = Pace(checkpoint_s=1.0, output_delay_s=0.05, tick_every_s=1.0)


class Waiting:
    """A job of which only what waits is asked."""

    tells_apart = True

    def __init__(self, outputs: bool = False, clock: int = 0, due: int | None = None) -> None:
        self.outputs_waiting = outputs
        self.clock = clock
        self.due = due

    def next_deadline(self) -> int | None:
        return self.due


def kept(next: int, told: int = 0) -> Position:
    return Position(next, {"v_job": 1}, told or next)


def shard(at: int = 10, **job: Any) -> Shard:
    """Open at `at`, generation 7, epoch 3."""
    made = Shard(0, 7, cast(Any, None), 0.0)
    made.open(cast(Any, Waiting(**job)), kept(at), 0.0)
    made.epoch, made.ready = 3, True
    return made


def batch(start: int, end: int, *, holds: range | None = None, **stamp: int) -> Batch:
    offsets = range(start, end) if holds is None else holds
    records = [LogRecord(offset, 1_000, None, b"") for offset in offsets]
    return Batch(records, start, end, **{"generation": 7, "epoch": 3, **stamp})


def offsets(admitted: tuple[Verdict, Any]) -> list[int]:
    verdict, records = admitted
    assert verdict is Verdict.FITS
    return [record.offset for record in records]


def test_what_continues_the_position_fits() -> None:
    assert offsets(shard(10).admit(batch(10, 13))) == [10, 11, 12]


def test_a_repeated_head_is_cut_off() -> None:
    assert offsets(shard(10).admit(batch(7, 13))) == [10, 11, 12]


def test_what_was_applied_before_is_a_repeat() -> None:
    assert shard(10).admit(batch(5, 10)) == (Verdict.REPEATED, ())


def test_a_delivery_that_begins_later_is_a_hole() -> None:
    assert shard(10).admit(batch(11, 13)) == (Verdict.HOLE, ())


@pytest.mark.parametrize("stamp", [{"generation": 6}, {"generation": 8}, {"epoch": 2}])
def test_what_was_fetched_before_the_rebalance_or_the_seek_is_stale(stamp: dict[str, int]) -> None:
    assert shard(10).admit(batch(10, 13, **stamp)) == (Verdict.STALE, ())


def test_a_batch_of_the_newest_seek_may_come_before_the_seek_has_returned() -> None:
    assert offsets(shard(10).admit(batch(10, 13, epoch=4))) == [10, 11, 12]


def test_nothing_fits_a_shard_that_is_not_open() -> None:
    closed = shard(10)
    closed.ready = False
    assert closed.admit(batch(10, 13)) == (Verdict.STALE, ())


def test_a_commit_marker_is_no_hole() -> None:
    s = shard(10)
    first = batch(10, 13, holds=range(10, 12))  # 12 is a marker
    assert offsets(s.admit(first)) == [10, 11]
    s.moved(first.end, first.records, 1.0)
    assert offsets(s.admit(batch(13, 15))) == [13, 14]


def test_a_marker_at_the_end_moves_the_position_without_a_record() -> None:
    s = shard(10)
    alone = batch(10, 12, holds=range(0))
    assert offsets(s.admit(alone)) == []
    s.moved(alone.end, alone.records, 1.0)
    assert (s.next, s.uncommitted) == (12, 0)


def test_the_first_checkpoint_comes_even_if_nothing_was_read() -> None:
    s = shard()
    assert s.is_checkpoint_due(1.0, 0, PACE)
    s.commit(kept(10), 1.0)
    assert not s.is_checkpoint_due(99.0, 0, PACE)


def test_an_idle_partition_is_committed_again_before_kafka_forgets_its_offset() -> None:
    s = shard()
    s.commit(kept(10), 0.0)
    s.renew(RENEW_S - 1)
    assert not s.is_checkpoint_due(RENEW_S - 1, 0, PACE)
    s.renew(RENEW_S)
    assert s.is_checkpoint_due(RENEW_S, 0, PACE)


@pytest.mark.parametrize(
    ("outputs", "age_ms", "due_after_s"), [(False, 0, 1.0), (True, 0, 0.05), (True, 60_000, 1.0)]
)
def test_outputs_hurry_a_checkpoint_unless_they_are_of_a_backlog(
    outputs: bool, age_ms: int, due_after_s: float
) -> None:
    s = shard(outputs=outputs)
    s.commit(kept(10), 50.0)
    s.moved(11, batch(10, 11).records, 50.0)
    now_ms = 1_000 + age_ms  # the record was appended at 1,000
    assert not s.is_checkpoint_due(50.0 + due_after_s - 0.01, now_ms, PACE)
    assert s.is_checkpoint_due(50.0 + due_after_s + 0.01, now_ms, PACE)


def test_outputs_go_alone_until_the_state_is_due() -> None:
    s = shard(outputs=True)
    s.commit(kept(10), 50.0)
    s.moved(11, batch(10, 11).records, 50.0)
    assert s.is_checkpoint_due(50.1, 1_000, PACE)
    assert not s.is_whole_due(50.1, 1_000, PACE)
    s.commit(kept(10, told=11), 50.1)
    assert (s.committed, s.kept.next) == (11, 10)
    s.job.outputs_waiting = False  # type: ignore[misc] - a stand-in
    assert not s.is_checkpoint_due(50.9, 1_000, PACE)
    assert s.is_checkpoint_due(51.0, 1_000, PACE), "the state lags, though all is told"
    assert s.is_whole_due(51.0, 1_000, PACE)


def test_a_state_that_takes_long_is_written_less_often() -> None:
    """Outputs wait while one is written; so that takes a tenth of the time at most."""
    s = shard(outputs=True)
    s.commit(kept(10), 50.0, took_s=0.25)
    s.moved(11, batch(10, 11).records, 50.0)
    assert s.is_checkpoint_due(51.0, 1_000, PACE)
    assert not s.is_whole_due(52.4, 1_000, PACE)
    assert s.is_whole_due(52.5, 1_000, PACE)
    s.commit(kept(11), 52.5, took_s=30.0)
    s.moved(12, batch(11, 12).records, 52.5)
    assert s.is_whole_due(52.5 + BEHIND, 1_000, PACE), "not beyond what a backlog waits"


def test_in_a_backlog_the_state_is_written_less_often_and_outputs_go_alone() -> None:
    s = shard(outputs=True)
    s.commit(kept(10), 50.0)
    s.moved(11, batch(10, 11).records, 50.0)
    now_ms, s.end = 61_000, 99  # appended a minute ago, and the log goes on
    assert s.is_checkpoint_due(51.1, now_ms, PACE)
    assert not s.is_whole_due(51.1, now_ms, PACE)
    s.commit(kept(10, told=11), 51.1)
    s.job.outputs_waiting = False  # type: ignore[misc] - a stand-in
    assert not s.is_checkpoint_due(50.0 + BEHIND - 0.1, now_ms, PACE)
    assert s.is_whole_due(50.0 + BEHIND, now_ms, PACE)
    s.end = 11  # all of it is read
    assert s.is_checkpoint_due(51.1, now_ms, PACE)
    assert s.is_whole_due(51.1, now_ms, PACE)


def test_without_a_state_to_go_on_from_the_first_is_whole() -> None:
    s = shard(outputs=True)
    s.kept = Position(10, {})
    assert s.is_whole_due(0.1, 1_000, PACE)


def test_what_was_told_by_another_owner_is_no_news() -> None:
    s = shard()
    s.open(s.job, kept(10, told=12), 0.0)
    assert s.is_retelling
    s.moved(11, batch(10, 11).records, 1.0)
    assert not s.is_checkpoint_due(99.0, 0, PACE)
    s.moved(12, batch(11, 12).records, 1.0)
    assert s.is_checkpoint_due(99.0, 0, PACE)


async def test_one_checkpoint_at_a_time() -> None:
    s = shard()
    async with s.lock:
        assert not s.is_checkpoint_due(9.0, 0, PACE)


def test_who_has_read_everything_may_tick_when_a_deadline_is_due() -> None:
    assert shard(10, due=500).tick_due(9.0, 500, 10, PACE) == 500


@pytest.mark.parametrize(
    ("due", "until_ms", "end", "clock", "why"),
    [
        (None, 500, 10, 0, "no deadline"),
        (501, 500, 10, 0, "not due yet"),
        (500, 500, 11, 0, "one record is not read yet"),
        (500, 500, None, 0, "the end is not known"),
        (400, 500, 10, 500, "the clock is there already"),
    ],
)
def test_no_tick(due: int | None, until_ms: int, end: int | None, clock: int, why: str) -> None:
    assert shard(10, due=due, clock=clock).tick_due(9.0, until_ms, end, PACE) is None, why


def test_ticks_keep_their_distance() -> None:
    s = shard(10, due=500)
    s.ticked_at = 9.0
    assert s.tick_due(9.9, 500, 10, PACE) is None
    assert s.tick_due(10.0, 500, 10, PACE) == 500


def test_silence_is_noticed() -> None:
    s = shard(10)
    assert not s.is_quiet(STALL_S)
    assert s.is_quiet(STALL_S + 0.1)
    s.moved(11, batch(10, 11).records, STALL_S)
    assert not s.is_quiet(STALL_S + 0.1)


def test_the_same_poison_twice_does_not_help() -> None:
    s = shard(10)
    assert s.learn(Poison(11, "acme", ""))
    assert s.learn(Poison(11, "other", ""))
    assert not s.learn(Poison(11, "acme", ""))


def test_poison_is_forgotten_once_it_is_committed_and_is_bounded() -> None:
    s = shard(10)
    for offset in range(10, 10 + POISON_MAX):
        assert s.learn(Poison(offset, None, ""))
    assert not s.learn(Poison(999, None, ""))
    s.commit(kept(1_000), 1.0)
    assert s.learn(Poison(1_000, None, ""))


def test_how_long_a_checkpoint_is_waited_for() -> None:
    s = shard(10)
    s.moved(11, [], 5.0)
    s.moved(12, [], 6.0)
    assert s.waits_since == 5.0
    s.commit(kept(11), 7.0)
    assert s.waits_since == 7.0, "12 came meanwhile"
    s.commit(kept(12), 8.0)
    assert s.waits_since is None
