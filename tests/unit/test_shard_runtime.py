"""The life of a shard: opened, fed, checkpointed, killed, taken over; in a world in memory."""

from __future__ import annotations

import pytest

from streams.position import Position, encode_position, position_key
from streams.runtime import TRIES_MAX
from streams.shard import STALL_S, Batch
from tests.agents.echo import EchoAgent
from tests.agents.world import GENERATION, Died, World, WorldWorker


def world(*words: str) -> World:
    made = World()
    put(made, *words)
    return made


def put(made: World, *words: str) -> None:
    made.put("in", 0, *((b"acme", word.encode()) for word in words))


async def start(made: World, **pace: float) -> WorldWorker:
    return await WorldWorker(made, EchoAgent(), **pace).start()


def said(made: World) -> list[str]:
    return [(value or b"").decode() for value in made.values("echo")]


async def test_what_is_read_is_said_once_and_the_position_is_kept() -> None:
    w = world("a", "b")
    await (await start(w)).drain()
    assert said(w) == ["a", "b"]
    assert w.group["in", 0] == (2, "")


async def test_a_worker_that_dies_before_its_checkpoint_has_done_nothing() -> None:
    w = world("a", "b")
    await (await start(w)).read()
    assert said(w) == []
    await (await start(w)).drain()
    assert said(w) == ["a", "b"]


async def test_the_next_owner_goes_on_where_the_last_checkpoint_stands() -> None:
    w = world("a")
    await (await start(w)).drain()
    put(w, "b")
    second = await start(w)
    await second.drain()
    assert said(w) == ["a", "b"]
    assert w.table("echo-changelog")[b"words"] == b"a,b"


async def test_a_zombie_dies_at_its_next_checkpoint_and_nothing_of_it_is_seen() -> None:
    w = world("a")
    zombie = await start(w)
    await zombie.read()
    await (await start(w)).drain()
    with pytest.raises(Died, match="fenced") as died:
        await zombie.runtime.close()
    assert died.value.code == 70
    assert said(w) == ["a"]


async def test_a_failed_checkpoint_ends_the_process_and_changes_nothing() -> None:
    w = world("a")
    worker = await start(w)
    await worker.read()
    worker.writers[0].broken = TimeoutError("the broker is gone")
    with pytest.raises(Died, match="the broker is gone") as died:
        await worker.runtime.close()
    assert died.value.code == 70
    assert said(w) == []


async def test_a_lost_delivery_is_read_again() -> None:
    w = world("a", "b", "c")
    worker = await start(w)
    worker.source.fetch(0, records_max=1)  # "a" gets lost on the way
    await worker.read()
    await worker.drain()
    assert said(w) == ["a", "b", "c"]


async def test_a_delivery_lost_at_the_end_is_noticed_and_read_again() -> None:
    w = world("a")
    worker = await start(w)
    worker.source.fetch(0)  # lost, and nothing comes after it
    await worker.run_for(int(STALL_S * 1000) + 100)
    await worker.runtime.close()
    assert said(w) == ["a"]


async def test_a_fetcher_that_has_died_is_not_asked_where_the_log_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("a")
    worker = await start(w)
    monkeypatch.setattr(worker.source, "end", lambda partition: 0)
    worker.source.fetch(0)  # lost
    await worker.run_for(int(STALL_S * 1000) + 100)
    await worker.runtime.close()
    assert said(w) == ["a"]


async def test_a_busy_agent_is_not_taken_for_a_lost_delivery() -> None:
    w = world("a")
    worker = await start(w)
    late = worker.source.fetch(0)
    worker.source.queued = 1  # it lies in the agent's queue
    await worker.run_for(int(STALL_S * 1000) + 100)
    await worker.runtime.receive(0, late)
    await worker.runtime.close()
    assert said(w) == ["a"]


async def test_no_progress_whatever_is_tried_ends_the_process() -> None:
    w = world("a", "b")
    worker = await start(w)
    gone = Batch((), 1, 2, GENERATION, 99)  # the first record never comes
    for _ in range(TRIES_MAX):
        await worker.runtime.receive(0, gone)
    with pytest.raises(Died, match="no progress at 0") as died:
        await worker.runtime.receive(0, gone)
    assert died.value.code == 70


async def test_a_record_that_breaks_the_engine_is_skipped_and_leaves_no_half() -> None:
    w = world("a", "bad", "b")
    worker = await start(w)
    await worker.read()
    await worker.drain()
    assert said(w) == ["a", "skipped", "b"]
    assert w.table("echo-changelog")[b"words"] == b"a,skipped,b"


async def test_after_poison_what_was_committed_is_not_applied_again() -> None:
    w = world("a")
    worker = await start(w)
    await worker.read()
    await worker.run_for(1_100)
    put(w, "b", "bad", "c")
    await worker.read()
    await worker.drain()
    assert said(w) == ["a", "b", "skipped", "c"]


async def test_too_many_rejects_end_the_process_uncommitted() -> None:
    w = world("a", "many")
    worker = await start(w)
    with pytest.raises(Died, match="too many") as died:
        await worker.read()
    assert died.value.code == 70
    assert said(w) == []


async def test_a_deadline_ticks_through_the_log() -> None:
    w = world("a")
    worker = await start(w)
    await worker.read()
    worker.runtime.shards[0].job.deadline = w.clock.ms + 3_000  # type: ignore[attr-defined]
    await worker.run_for(2_900)
    assert len(w.records("in")) == 1, "not due yet"
    await worker.run_for(200)
    await worker.runtime.close()
    assert said(w) == ["a", "tick"]


async def test_no_tick_while_answers_wait_in_the_raw_topic() -> None:
    w = world("a")
    worker = await start(w)
    await worker.read()
    due = worker.runtime.shards[0].job.deadline = w.clock.ms + 1_000  # type: ignore[attr-defined]
    w.carried_ms = due - 1
    await worker.run_for(5_000)
    assert len(w.records("in")) == 1
    w.carried_ms = None
    await worker.run_for(100)
    assert len(w.records("in")) == 2


@pytest.mark.parametrize(
    ("stored", "begin", "says"),
    [(1, 2, "retention has deleted records"), (9, 0, "lies beyond the log's end")],
)
async def test_a_position_outside_the_log_is_refused(stored: int, begin: int, says: str) -> None:
    w = world("a", "b", "c")
    blob = encode_position(Position(stored, {"v_job": 1}), clock=0)
    w.put("echo-changelog", 0, (b"words", b"x"), (position_key(0), blob))
    worker = WorldWorker(w, EchoAgent())
    worker.source.begin = begin
    with pytest.raises(Died, match=says) as died:
        await worker.start()
    assert died.value.code == 3


async def test_a_position_of_a_later_release_is_refused() -> None:
    w = world("a")
    blob = encode_position(Position(0, {}), clock=0).replace(b"\xa1v\x01", b"\xa1v\x09")
    w.put("echo-changelog", 0, (position_key(0), blob))
    with pytest.raises(Died, match="version 9, this release reads 1") as died:
        await start(w)
    assert died.value.code == 3


async def test_a_fence_lies_in_the_changelog_before_it_is_recovered() -> None:
    w = world()
    await start(w)
    assert [r.key for r in w.records("echo-changelog")] == [b"\x00fence"]


async def test_a_slow_broker_holds_the_input_back() -> None:
    w = world(*"abcdef")
    worker = await WorldWorker(w, EchoAgent(), uncommitted_max=4).start()
    await worker.read()
    assert said(w) == list("abcdef"), "committed at once, not at the next beat"


async def test_outputs_go_before_the_state_and_are_not_said_again() -> None:
    w = world("a")
    worker = await start(w)
    await worker.read()
    await worker.run_for(200)
    put(w, "b", "c")
    await worker.run_for(200)
    assert said(w) == ["a", "b", "c"]
    assert w.table("echo-changelog")[b"words"] == b"a", "the state is not due yet"
    put(w, "d")
    successor = await start(w)  # the first one is dead
    await successor.read()
    await successor.drain()
    assert said(w) == ["a", "b", "c", "d"]
    assert w.table("echo-changelog")[b"words"] == b"a,b,c,d"


async def test_what_the_owner_before_has_said_is_not_said_again_however_much_it_was() -> None:
    w = world(*"ab")
    first = await start(w, checkpoint_s=60.0)
    await first.run_for(100)  # the state is written, with what it says
    put(w, *"cdefg")
    await first.run_for(100)  # what it says, alone
    assert said(w) == list("abcdefg")
    second = await WorldWorker(w, EchoAgent(), uncommitted_max=5).start()
    await second.read()
    await second.drain()
    assert said(w) == list("abcdefg")
