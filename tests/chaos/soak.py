"""Half an hour under load, with guests that come, go and die: F22, `make soak`."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import psutil

from tests.bench.feeder import Feeder, open_feeder
from tests.bench.rules import RULES
from tests.bench.traffic import SPAN_MS, traffic
from tests.chaos.finding import Finding
from tests.chaos.kept import Kept
from tests.chaos.site import Site
from tests.chaos.stage import Stage

SOAK_S = 1_800.0
RATE = 5_000
ACCOUNTS = 2_000
PIECE_S = 10
PIECE_SPAN_MS = SPAN_MS * RATE * PIECE_S // 1_000_000  # as dense as the benchmark: 60 d a million
SKEW_S = 3 * 365 * 86_400.0  # event time runs ahead of the wall clock
WARM_SHARE = 0.3  # of the time, until sequences and the cache of 65,536 keys are full
CHANGE_EVERY_S = 75.0
GROWTH_MAX = 1.10
FILES_MORE_MAX = 10


async def soak(stage: Stage) -> Finding:
    """F22. 5,000 events/s and 20 rules for half an hour; every minute or so a second worker joins,
    is killed, or leaves. The first one's memory and files stay as they are, and all is exact.
    """
    seconds = max(60.0, SOAK_S * stage.size)
    found = Finding(f"{RATE:,} events/s, 20 rules, {seconds / 60:.0f} min, guests come and die")
    async with stage.site("F22", rules=RULES, future_skew_s=SKEW_S) as site:
        host = await site.ready("host", instance_id=None)
        samples: list[tuple[float, float, int]] = []
        began = time.monotonic()
        async with open_feeder(site.settings, site.topics.raw.name) as feeder:
            load = asyncio.create_task(_load(feeder, seconds))
            guests = asyncio.create_task(_change_guests(site, seconds))
            while not load.done():
                await asyncio.sleep(2)
                if sample := await _sample(host, site):
                    samples.append((time.monotonic() - began, *sample))
            await asyncio.gather(load, guests)
        warm = [s for s in samples if s[0] > WARM_SHARE * seconds]
        third = max(1, len(warm) // 4)
        early, late = warm[:third], warm[-third:]
        found.figures["rss_mb"] = [round(s[1]) for s in samples[:: max(1, len(samples) // 10)]]
        found.rss_mb = median(s[1] for s in early), median(s[1] for s in late)
        found.figures["files"] = [round(median(s[2] for s in part)) for part in (early, late)]
        found.bound("memory_growth", found.rss_mb[1] / found.rss_mb[0], GROWTH_MAX, "times")
        more = found.figures["files"][1] - found.figures["files"][0]
        found.promise(more <= FILES_MORE_MAX, f"{more} more open files than in the beginning")
        found.promise(host.exits == [], f"the host ended with {host.exits}")
        found.figures["guest_exits"] = [x for w in site.workers.values() for x in w.exits]
        return await site.settle(found)


async def _load(feeder: Feeder, seconds: float) -> None:
    begin_ms = time.time_ns() // 1_000_000
    for number in range(int(seconds / PIECE_S)):
        start_ms = begin_ms + number * PIECE_SPAN_MS
        events = RATE * PIECE_S
        rows = traffic(events, ACCOUNTS, seed=number, start_ms=start_ms, span_ms=PIECE_SPAN_MS)
        await feeder.pace(rows, RATE)


async def _change_guests(site: Site, seconds: float) -> None:
    """A guest joins; at the next change it is killed for good, at another it leaves."""
    every_s = min(CHANGE_EVERY_S, seconds / 8)
    give_up = time.monotonic() + seconds - 2 * every_s  # the end is the host's alone
    number = 0
    while time.monotonic() < give_up:
        await asyncio.sleep(every_s)
        guest = site.start(f"guest-{number}", instance_id=None)
        await asyncio.sleep(every_s / 2)
        await (guest.end() if number % 2 else guest.stop())
        number += 1


async def _sample(host: Kept, site: Site) -> tuple[float, int] | None:
    """Its memory, MB, and its open files, while it holds all partitions."""
    held = (await host.readings()).get("pathline_partition_ready", 0)
    if held < 2 * site.settings.partitions:
        return None
    return host.rss_mb(), psutil.Process(host.worker.process.pid).num_fds()
