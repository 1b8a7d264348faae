"""Part `restart`: from start to ready, with the state of all accounts; the same after kill -9.

Killed under load, so a transaction may be open; started again at once, as a supervisor would, with
the same PATHLINE_INSTANCE_ID: the group gives a static member its partitions back at once.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from streams.reader import open_reader
from tests.bench.backlog import PATH, drained
from tests.bench.feeder import open_feeder
from tests.bench.stage import Site, Stage
from tests.bench.worker import Worker

TIMES = 3
RATE = 500  # events/s while it is killed
BEFORE_KILL_S = 3.0
LOAD_S = 600  # longer than the part may take


@dataclass(frozen=True)
class Restart:
    """s, each time: from start to ready; from kill -9 to ready.

    changelog_records: that a start reads; compaction has not got to them all.
    """

    started_s: list[float]
    killed_s: list[float]
    changelog_records: int


async def measure_restart(stage: Stage) -> Restart:
    """Each three times."""
    site = await drained(stage, PATH)
    records = await _changelog_records(site)
    started = []
    for _ in range(TIMES):
        with Worker(site) as worker:
            started.append(await worker.ready())
    events = RATE * LOAD_S
    async with open_feeder(site.settings, site.source) as feeder:
        load = asyncio.create_task(feeder.pace(stage.plan.onward(events, site.onward), RATE))
        site.onward += events
        try:
            killed = [await _kill(site) for _ in range(TIMES)]
        finally:
            load.cancel()
    return Restart(started, killed, records)


async def _kill(site: Site) -> float:
    """From kill -9 of a worker at work to its successor's ready, s."""
    with Worker(site) as worker:
        await worker.ready()
        await asyncio.sleep(BEFORE_KILL_S)
        began = time.monotonic()
        worker.kill()
        with Worker(site) as successor:
            await successor.ready()
            return time.monotonic() - began


async def _changelog_records(site: Site) -> int:
    topics = site.topics
    names = topics.ingest_changelog.name, topics.follow_changelog.name
    async with open_reader(site.settings, *names) as reader:
        return sum(reader.ends[place] - reader.begins[place] for place in reader.ends)
