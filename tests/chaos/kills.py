"""Workers that die, and one that is asked to: F1, F2, F24."""

from __future__ import annotations

import time

from tests.chaos.finding import Finding
from tests.chaos.positions import positions
from tests.chaos.programs import FAILING, exit_code
from tests.chaos.site import READY_S_MAX
from tests.chaos.stage import Stage
from tests.e2e.failing_worker import DIED
from tests.e2e.workers import workers

STOP_S_MAX = 10.0


async def kill_nine(stage: Stage) -> Finding:
    """F1. A worker is killed three times, each at a random moment of its work under load. As a
    static member it comes back without waiting for its own session; nothing is lost or twice.
    """
    found = Finding("kill -9, 3 times under load")
    async with stage.site("F1") as site:
        worker = await site.ready()
        early = worker.rss_mb()
        found.recovery_s = 0
        async with site.load(accounts=1_000, rate=stage.scaled(4_000)):
            for _ in range(3):
                await worker.applies(1)
                await site.pause(1, 6)
                found.recovery_s = max(found.recovery_s, await worker.kill())
        await site.drain()
        found.rss_mb = early, worker.rss_mb()
        found.bound("recovery", found.recovery_s, READY_S_MAX)
        return await site.settle(found)


async def die_in_checkpoints(stage: Stage) -> Finding:
    """F2. A worker dies inside its checkpoints: all rows sent and the offset not; all sent and not
    committed. In the first one of its life, and in random later ones. No reader sees any of it.
    """
    places = [(where, most) for most in (1, 8, 30) for where in ("written", "offset")]
    found = Finding(f"death inside {len(places)} checkpoints, at 2 places")
    async with stage.site("F2") as site:
        one = site.settings.model_copy(update={"instance_id": "one"})
        async with site.load(accounts=500, rate=stage.scaled(3_000)):
            with workers() as start:
                for where, most in places:
                    count = str(site.chance.randint(1, most))
                    dying = start(one, site.folder / "dying.log", where, count, command=FAILING)
                    code = await exit_code(dying)
                    found.promise(code == DIED, f"it ended with {code} at {where} {count}")
        found.recovery_s = await (await site.ready()).ready()
        return await site.settle(found)


async def stop_politely(stage: Stage) -> Finding:
    """F24. A rolling restart: SIGTERM under load, three times. Each is a last checkpoint and exit
    code 0 within 10 s; the next worker has nothing to apply again.
    """
    found = Finding("SIGTERM under load, 3 times")
    slowest = 0.0
    async with stage.site("F24") as site:
        async with site.load(accounts=500, rate=stage.scaled(3_000)):
            for _ in range(3):
                worker = await site.ready()
                await worker.applies(500)
                await site.pause(0.3, 2)
                began = time.monotonic()
                code = await worker.stop()
                slowest = max(slowest, time.monotonic() - began)
                found.promise(code == 0, f"exit code {code} after SIGTERM")
                stands = (await positions(site.settings)).values()
                again = sum(at.told > at.next for at in stands)
                found.promise(not again, f"{again} partitions have to apply records again")
            await site.ready()
        found.bound("stop_s", slowest, STOP_S_MAX)
        return await site.settle(found)
