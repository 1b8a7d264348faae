"""More than a worker can do, one account too many of, and for how long: OVERLOAD, HOT, LATENCY."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.bench.backlog import PATH, drained
from tests.bench.feeder import open_feeder
from tests.bench.rules import RULES
from tests.bench.stage import Plan
from tests.bench.stage import Stage as Bench
from tests.bench.steady import WARM_S, Run
from tests.bench.traffic import traffic
from tests.bench.worker import Worker
from tests.chaos.finding import Finding
from tests.chaos.programs import planted
from tests.chaos.site import Site
from tests.chaos.stage import Stage
from tests.chaos.times import LATE_S_MAX, LATENESS_S, SLA, due_ms, told
from tests.e2e.test_worker_time import event
from tests.unit.test_ingest import encoded

RECORD_US = 2_000
CAPACITY = 1e6 / RECORD_US  # events/s of the slowed worker, at most
OVERLOAD = 10
OVERLOAD_S = 120.0
GROWTH_MAX = 1.10
HOT_RATE = 4_000
P99_MS_MAX = 1_000.0


async def overload(stage: Stage) -> Finding:
    """OVERLOAD. For two minutes ten times as much comes as the worker can do: it is slowed down to
    500 events/s. Lag grows, memory does not; when the worker is quick again it drains.
    """
    seconds = stage.scaled(OVERLOAD_S)
    found = Finding(f"{OVERLOAD} times the capacity for {seconds:.0f} s")
    async with stage.site("OVERLOAD", rules=RULES, uncommitted_records_max=10_000) as site:
        slow = site.folder / "slow"
        slow.touch()
        worker = site.start(command=planted("slow", RECORD_US, slow))
        await worker.ready()
        feed = asyncio.create_task(_pace(site, seconds, OVERLOAD * CAPACITY))
        lags, sizes = [], []
        while not feed.done():
            await asyncio.sleep(seconds / 10)
            lags.append(round((await worker.readings())["pathline_lag_records"]))
            sizes.append(round(worker.rss_mb()))
        await feed
        found.figures |= {"lag_records": lags[::3], "rss_mb": sizes}
        found.promise(max(lags) > 5 * lags[0], "lag does not grow: this was no overload")
        found.rss_mb = sizes[2 * len(sizes) // 3], sizes[-1]  # until then the buffers fill
        found.bound("memory_growth", sizes[-1] / found.rss_mb[0], GROWTH_MAX, "times")
        slow.unlink()
        began = time.monotonic()
        await site.drain(300)
        found.recovery_s = time.monotonic() - began
        found.promise(worker.exits == [], f"it ended with {worker.exits}")
        return await site.settle(found)


async def _pace(site: Site, seconds: float, rate: float) -> None:
    """Traffic of the benchmark into the raw topic, in whole batches, up to now by event time."""
    span_ms = int(seconds * 1000)
    events = int(seconds * rate)
    begin_ms = time.time_ns() // 1_000_000 - span_ms
    seed = site.chance.randrange(2**32)
    rows = traffic(events, accounts=200, seed=seed, start_ms=begin_ms, span_ms=span_ms)
    async with open_feeder(site.settings, site.topics.raw.name) as feeder:
        await feeder.pace(rows, rate)


async def hot_account(stage: Stage) -> Finding:
    """HOT. Half of all traffic is one account's. Deadlines of the others, in its partition and in
    every other one, are told as soon as ever.
    """
    seconds = max(12.0, stage.scaled(30))
    found = Finding(f"one account with half of {HOT_RATE:,} events/s for {seconds:.0f} s")
    async with stage.site("HOT", rules=[SLA], lateness_s=LATENESS_S) as site:
        worker = await site.ready()
        busy = site.feed(_hot(int(seconds * HOT_RATE), site.chance), HOT_RATE)
        sent = 0
        while not busy.done():
            now = time.time()
            await site.feed(event("contract.revised", now, f"w{sent + n}") for n in range(10))
            sent += 10
            await asyncio.sleep(0.5)
        await busy
        await asyncio.sleep(5)  # the last ones fall due
        found.promise(worker.exits == [], f"it ended with {worker.exits}")
        found = await site.settle(found)
        late_s = [(r.timestamp - due_ms(a)) / 1000 - LATENESS_S for r, a in await told(site)]
        found.figures["deadlines"] = len(late_s)
        found.promise(len(late_s) == sent, f"{len(late_s)} of {sent} deadlines fired")
        found.bound("latest", max(late_s, default=0), LATE_S_MAX)
        return found


def _hot(events: int, chance: random.Random) -> Iterator[tuple[bytes, bytes]]:
    for n in range(events):
        account = "hot" if n % 2 else f"a{chance.randrange(500)}"
        time = datetime.now(UTC).isoformat()
        yield account.encode(), encoded(id=f"h{n}", type="page.viewed", time=time, subject=account)


async def latency(stage: Stage) -> Finding:
    """LATENCY. The whole path's capacity is measured, on this machine, with 20 rules; then events
    come at half of it. From the append of an event to the arrival of its alert: p99 under 1 s.
    """
    events = int(stage.scaled(300_000))
    now_ms = time.time_ns() // 1_000_000
    bench = Bench(Plan(events, events // 100, 0, now_ms, max(5, int(stage.scaled(10)))),
                  stage.folder / "latency")  # fmt: skip
    await asyncio.to_thread(bench.kafka.start)
    try:
        site = await drained(bench, PATH)
        assert site.drain is not None, "it was just drained"
        capacity = events / site.drain.wall_s
        found = Finding("half of the measured capacity")
        async with open_feeder(site.settings, site.source) as feeder:
            with Worker(site) as worker:
                await worker.ready()
                run = Run(bench, site, worker, feeder, round(capacity / 2))
                await run.send(WARM_S)
                steady = await run.measure()
    finally:
        await asyncio.to_thread(bench.kafka.stop)
    found.figures |= {"capacity": round(capacity), "rate": steady.rate, "alerts": steady.samples}
    found.figures["p50_ms"] = round(steady.p50_ms)
    found.bound("p99_ms", steady.p99_ms, P99_MS_MAX, "ms")
    return found
