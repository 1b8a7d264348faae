"""Members that come, go, die and freeze: F3, F4."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from streams.probe import OffsetProbe
from tests.chaos.finding import Finding
from tests.chaos.kept import Kept
from tests.chaos.programs import exit_code
from tests.chaos.site import SESSION_S, Site
from tests.chaos.stage import Stage

STORM_S = 120
UNOWNED_S_MAX = 20.0
ZOMBIE_S_MAX = 5.0
NAMES = ("one", "two", "three")


@asynccontextmanager
async def standstill(site: Site) -> AsyncIterator[list[float]]:
    """The longest time, s, in which the group's offset of a raw partition did not move while load
    went on, so that nobody worked on it; known when the block ends.
    """
    longest = [0.0]
    watching = asyncio.create_task(_watch(site, longest))
    try:
        yield longest
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(site: Site, longest: list[float]) -> None:
    settings, topic = site.settings, site.topics.raw.name
    probe = OffsetProbe(settings)
    await probe.start()
    moved: dict[int, tuple[int, float]] = {}
    try:
        while True:
            now = time.monotonic()
            for partition, at in (await probe.group(topic, range(settings.partitions))).items():
                before, since = moved.get(partition, (-1, now))
                if at.offset != before:
                    moved[partition] = at.offset, now
                longest[0] = max(longest[0], now - since)
            await asyncio.sleep(0.25)
    finally:
        await probe.stop()


async def rebalance_storm(stage: Stage) -> Finding:
    """F3. Workers join, leave, are killed, and freeze for longer than their session, one after the
    other, for two minutes. Each change stops the group for a moment; none costs an event.
    """
    seconds = max(20.0, STORM_S * stage.size)
    found = Finding("")
    async with stage.site("F3") as site:
        await site.ready("host")
        happened: list[str] = []
        async with site.load(accounts=500, rate=1_500), standstill(site) as longest:
            give_up = time.monotonic() + seconds
            while time.monotonic() < give_up:
                happened.append(await _change(site))
                await site.pause(1, 5)
        kinds = ", ".join(f"{happened.count(kind)} {kind}" for kind in sorted(set(happened)))
        found.injected = f"{len(happened)} changes of the group in {seconds:.0f} s: {kinds}"
        found.bound("unowned_s", longest[0], UNOWNED_S_MAX)
        return await site.settle(found)


async def _change(site: Site) -> str:
    """One change; its name."""
    name = site.chance.choice(NAMES)
    guest = site.workers.get(name)
    if guest is None or not guest.is_up:
        site.start(name, instance_id=None)  # not static, so that the group sees it come and go
        return "join"
    kind = site.chance.choice(("leave", "kill", "freeze"))
    if kind == "leave":
        await guest.stop()
    elif kind == "kill":
        guest.worker.process.kill()  # its supervisor starts it again
    else:
        await _freeze(guest, 1.5 * SESSION_S)
    return kind


async def _freeze(worker: Kept, seconds: float) -> None:
    pid = worker.worker.process.pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


async def zombie(stage: Stage) -> Finding:
    """F4. A worker freezes for one and a half sessions; another one takes its partitions. When it
    wakes up it believes that it still holds them. It is fenced: nothing of it can be seen.
    """
    found = Finding("SIGSTOP for 1.5 sessions, then SIGCONT, under load")
    async with stage.site("F4") as site:
        frozen = await site.ready("frozen", instance_id=None)
        other = await site.ready("other", instance_id=None)
        async with site.load(accounts=500, rate=1_500):
            await frozen.applies(500)
            await _freeze(frozen, 1.5 * SESSION_S)
            woken = time.monotonic()
            with suppress(TimeoutError):
                code = await exit_code(frozen.worker, 2 * ZOMBIE_S_MAX)
                found.promise(code == 70, f"the zombie ends with exit code {code}")
            found.bound("zombie_s", time.monotonic() - woken, ZOMBIE_S_MAX)
            await other.ready()
        return await site.settle(found)
