"""Whatever is lost, repeated, reordered or killed: every word is said once, in order."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from streams.shard import Batch
from tests.agents.echo import EchoAgent
from tests.agents.world import Died, World, WorldWorker, settle


class Storm:
    """Each public method is one thing that may happen."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._world = World()
        self._worker = WorldWorker(self._world, EchoAgent())
        self._zombies: list[WorldWorker] = []
        self._last: Batch | None = None
        self.sent: list[str] = []

    async def put(self) -> None:
        for word in (str(len(self.sent)), str(len(self.sent) + 1)):
            self._world.put("in", 0, (b"acme", word.encode()))
            self.sent.append(word)

    async def put_poison(self) -> None:
        self._world.put("in", 0, (b"acme", b"bad"))
        self.sent.append("skipped")

    async def put_marker(self) -> None:
        self._world.logs["in", 0].append(None)

    async def deliver(self) -> None:
        self._last = self._worker.source.fetch(0, self._size)
        await self._worker.runtime.receive(0, self._last)

    async def lose(self) -> None:
        self._last = self._worker.source.fetch(0, self._size)

    async def repeat(self) -> None:
        if self._last:
            await self._worker.runtime.receive(0, self._last)

    async def overlap(self) -> None:
        places = self._worker.source.places
        places[0] = max(0, places[0] - 1)
        await self.deliver()

    async def beat(self) -> None:
        self._world.clock.ms += 600
        await self._worker.runtime.beat()
        await settle(self._worker.runtime)

    async def crash(self) -> None:
        self._worker = await WorldWorker(self._world, EchoAgent()).start()

    async def stop(self) -> None:
        await self._worker.runtime.close()
        await self.crash()

    async def rebalance(self) -> None:
        await self._worker.start()

    async def pause(self) -> None:
        """The worker is taken for dead, and wakes up at the end."""
        self._zombies.append(self._worker)
        await self.crash()

    async def end(self) -> list[str]:
        """The zombies wake up, then everything is read; what was said."""
        for zombie in self._zombies:
            shard = zombie.runtime.shards[0]
            shard.committed, shard.told = -1, shard.next  # it has something to write
            with pytest.raises(Died, match="fenced"):
                await zombie.runtime.close()
        for _ in range(len(self.sent) + 3):  # each poison takes one more reading
            await self._worker.read()
        await self._worker.drain()
        return [(value or b"").decode() for value in self._world.values("echo")]

    async def begin(self) -> None:
        await self._worker.start()


USUAL = ["put", "deliver"] * 3
HAPPENINGS = USUAL + sorted(
    name for name in vars(Storm) if name[0] != "_" and name not in ("begin", "end")
)


@settings(max_examples=300, deadline=None)
@given(happenings=st.lists(st.sampled_from(HAPPENINGS), min_size=9), size=st.integers(1, 4))
async def test_every_word_is_said_once_in_order(happenings: list[str], size: int) -> None:
    storm = Storm(size)
    await storm.begin()
    for happening in happenings:
        await getattr(storm, happening)()
    event(f"words: {min(len(storm.sent), 10) // 5 * 5}+")
    assert await storm.end() == storm.sent
