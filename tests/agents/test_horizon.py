"""The horizon and the watch over feeds: what may be said of time, and what of silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import pytest

from models.errors import BadSetting
from streams.control import Feed, parse_control
from streams.feed_watch import FeedWatch, check_feeds, encode_note
from streams.horizon import ASK_AGAIN_S, RawHorizon
from tests.agents.world import NOW_MS, HandClock, World

HOUR_MS = 3_600_000
STEP_MS = int(ASK_AGAIN_S * 1000) + 1


class At(NamedTuple):
    offset: int
    metadata: str = ""


class Kafka:
    """Where the raw topic ends, where the group stands, what it notes; each by partition."""

    def __init__(self, ends: list[int], group: list[int | None], notes: list[str] = []) -> None:  # noqa: B006 - never changed
        self.end = ends
        self.at = group
        self.notes = notes or [""] * len(ends)
        self.asked = 0

    async def begins(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)

    async def appended(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]:
        return dict(enumerate(self.end))

    async def group(self, topic: str, partitions: Collection[int]) -> Mapping[int, At]:
        self.asked += 1
        found = zip(self.at, self.notes, strict=True)
        return {p: At(at, note) for p, (at, note) in enumerate(found) if at is not None}


def horizon(kafka: Kafka) -> tuple[RawHorizon, HandClock]:
    clock = HandClock()
    return RawHorizon(kafka, "raw", len(kafka.end), clock), clock


async def test_with_everything_carried_over_time_may_go_up_to_now() -> None:
    line, clock = horizon(Kafka([5, 7], [5, 7]))
    assert await line.carried_ms() == clock.ms


async def test_while_a_partition_is_behind_it_may_not_go_on() -> None:
    line, clock = horizon(Kafka([5, 7], [5, 6]))
    assert await line.carried_ms() == 0
    clock.ms += 60_000
    assert await line.carried_ms() == 0


async def test_a_partition_that_ingest_has_never_opened_is_behind_even_if_it_is_empty() -> None:
    line, _ = horizon(Kafka([0, 0], [0, None]))
    assert await line.carried_ms() == 0


async def test_once_ingest_gets_there_time_may_go_up_to_when_it_was_asked() -> None:
    kafka = Kafka([5], [4])
    line, clock = horizon(kafka)
    await line.carried_ms()
    asked_ms = clock.ms
    clock.ms += 2_000
    kafka.at, kafka.end = [6], [9]  # the five of then are over, new ones have come
    assert await line.carried_ms() == asked_ms
    asked_ms = clock.ms
    clock.ms += STEP_MS
    kafka.at, kafka.end = [9], [12]
    assert await line.carried_ms() == asked_ms


async def test_it_does_not_ask_again_at_once() -> None:
    kafka = Kafka([5], [4])
    line, clock = horizon(kafka)
    for _ in range(10):
        await line.carried_ms()
    assert kafka.asked == 1
    clock.ms += STEP_MS
    await line.carried_ms()
    assert kafka.asked == 2


def watch(world: World, *notes: Mapping[str, int], ours: bool = True) -> FeedWatch:
    kafka = Kafka([9] * len(notes), [9] * len(notes), [encode_note(note) for note in notes])
    line = RawHorizon(kafka, "raw", len(notes), world.clock)
    feeds = [("crm", HOUR_MS), ("mail", HOUR_MS)]
    return FeedWatch(feeds, "raw", "log", len(notes), kafka, line, world, lambda: ours)


def told(world: World, partition: int = 0) -> list[tuple[str, bool, bool]]:
    """(feed, stale, lead) of each control record."""
    found = []
    for record in world.records("log", partition):
        control = parse_control(record.key or b"", record.value)
        assert isinstance(control, Feed)
        found.append((control.feed, control.stale, control.lead))
    return found


async def test_what_one_partition_has_seen_counts_for_all() -> None:
    w = World()
    await watch(w, {"crm": NOW_MS - 2 * HOUR_MS}, {"crm": NOW_MS - 60_000}).look()
    assert told(w) == [("crm", False, True)]


async def test_a_feed_that_is_silent_everywhere_is_told_to_every_partition_with_one_lead() -> None:
    w = World()
    await watch(w, {"crm": NOW_MS - HOUR_MS - 1}, {"crm": NOW_MS - 2 * HOUR_MS}).look()
    assert (told(w, 0), told(w, 1)) == ([("crm", True, True)], [("crm", True, False)])


async def test_it_is_told_once_and_again_when_it_changes() -> None:
    w = World()
    over = watch(w, {"crm": NOW_MS})
    for _ in range(3):
        await over.look()
    w.clock.ms += HOUR_MS + 1
    for _ in range(3):
        await over.look()
    assert told(w) == [("crm", False, True), ("crm", True, True)]


async def test_of_a_feed_that_nobody_has_seen_nothing_is_said() -> None:
    w = World()
    await watch(w, {}).look()
    assert told(w) == []


async def test_a_backlog_is_no_silence() -> None:
    w = World()
    kafka = Kafka([9], [8], [encode_note({"crm": NOW_MS - 9 * HOUR_MS})])
    line = RawHorizon(kafka, "raw", 1, w.clock)
    over = FeedWatch([("crm", HOUR_MS)], "raw", "log", 1, kafka, line, w, lambda: True)
    await over.look()
    assert told(w) == []


async def test_notes_of_others_are_passed_over() -> None:
    w = World()
    kafka = Kafka([9, 9], [9, 9], ["written by another tool", encode_note({"crm": NOW_MS})])
    line = RawHorizon(kafka, "raw", 2, w.clock)
    await FeedWatch([("crm", HOUR_MS)], "raw", "log", 2, kafka, line, w, lambda: True).look()
    assert told(w) == [("crm", False, True)]


def test_more_feeds_than_a_note_holds_are_refused() -> None:
    with pytest.raises(BadSetting, match="too many feeds"):
        check_feeds(f"feed-number-{n}" for n in range(300))
