"""A partition goes while something is under way: what is left behind hurts nobody."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.agents.echo import EchoAgent
from tests.agents.world import GENERATION, World, WorldWorker


def world(*words: str) -> World:
    made = World()
    made.put("in", 0, *((b"acme", word.encode()) for word in words))
    return made


async def start(made: World) -> WorldWorker:
    return await WorldWorker(made, EchoAgent()).start()


class Door:
    """What is called waits here until it is let through, one call at a time."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._tickets = asyncio.Semaphore(0)

    async def __call__(self, *what: Any) -> Any:
        await self._tickets.acquire()
        return await self._call(*what)

    async def let_one_through(self) -> None:
        self._tickets.release()
        await all_that_can()


async def all_that_can() -> None:
    """Go on, as far as nobody waits at a door."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_partition_is_left_when_a_checkpoint_that_began_meanwhile_has_ended() -> None:
    w = world("a", "b")
    worker = await start(w)
    await worker.runtime.receive(0, worker.source.fetch(0, records_max=1))
    door = Door(worker.writers[0].commit)
    worker.writers[0].commit = door  # type: ignore[method-assign] - a slow broker
    closing = asyncio.ensure_future(worker.runtime.close())
    await all_that_can()  # the last checkpoint is under way, and one more record comes
    await worker.read()
    late = asyncio.ensure_future(worker.runtime._checkpoints.write(worker.runtime.shards[0]))
    await all_that_can()
    await door.let_one_through()
    assert not closing.done(), "the next owner would fence the late one, and end this worker"
    await door.let_one_through()
    assert (closing.done(), late.done(), w.values("echo")) == (True, True, [b"a", b"b"])


async def test_a_partition_that_is_revoked_while_it_is_opened_stays_closed() -> None:
    w = world("a")
    worker = await start(w)
    await worker.runtime.fence((0,), GENERATION)
    (shard,) = worker.runtime.shards.values()
    door = Door(worker.source.bounds)
    worker.source.bounds = door  # type: ignore[method-assign] - a slow broker
    opening = asyncio.ensure_future(worker.runtime.open())
    await all_that_can()
    await worker.runtime.close()
    await door.let_one_through()
    assert (opening.done(), shard.ready) == (True, False)
