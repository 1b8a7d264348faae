"""Two releases at work together, and the way back: F20."""

from __future__ import annotations

import time

from tests.chaos.finding import Finding
from tests.chaos.logs import REFUSED, refuses
from tests.chaos.programs import planted
from tests.chaos.stage import Stage

LATER = planted("later")


async def rolling_upgrade(stage: Stage) -> Finding:
    """F20. One worker after the other is replaced by a later release, which writes its state in a
    new version. An old worker that is handed such a partition refuses it, loudly, until it is
    replaced too. Then nobody can go back by mistake.
    """
    found = Finding("rolling upgrade over a new version of the state, then a downgrade")
    async with stage.site("F20") as site:
        one = await site.ready("one", instance_id=None)
        two = await site.ready("two", instance_id=None)
        async with site.load(accounts=300, rate=stage.scaled(1_500)):
            await one.applies(100)
            await two.stop()
            later = site.start("later", LATER, instance_id=None)
            await later.ready()
            await later.applies(100)  # it has written some state, in its version
            await later.end()  # its partitions are handed to the old one

            async def has_refused() -> bool:
                return REFUSED in one.exits

            await one.wait_until(has_refused)
            found.promise(set(one.exits) == {REFUSED}, f"the old one ended with {one.exits}")
            one.command = LATER
            began = time.monotonic()
            await one.wait_until(one.is_ready)
            found.recovery_s = time.monotonic() - began
        found = await site.settle(found)
        await refuses(site, found, "downgrade", "start the release that wrote it, or a later one")
        return found
