"""One fault, played to its end."""

from __future__ import annotations

import asyncio
import time

from tests.chaos.finding import Finding, failed
from tests.chaos.registry import Fault
from tests.chaos.report import line
from tests.chaos.stage import Stage


async def play(fault: Fault, stage: Stage) -> Finding:
    """One fault to its end; an error in it is a broken promise too."""
    began = time.monotonic()
    try:
        await stage.start()
        async with asyncio.timeout(fault.bound_s):
            found = await fault.play(stage)
    except Exception as error:  # the other faults are still worth playing
        found = failed(fault.story.partition(". ")[2].partition(".")[0], error)
    found.seconds = time.monotonic() - began
    print(line(fault.name, found), flush=True)
    return found
