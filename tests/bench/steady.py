"""Part `steady`: events at a rate by the wall clock, on a worker whose accounts have a history.

Latency is from the broker's append of an event (its LogAppendTime) to the arrival of the alert that
it causes at a `read_committed` reader in the benchmark's own process. Such alerts are the match of
a sequence, and the end of an episode by its answer or by another start; the event that caused them
is the last one of their evidence, found by its id.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from streams.reader import Offsets, Reader, open_reader
from tests.bench.backlog import FOLLOW, PATH, drained
from tests.bench.feeder import Feeder, open_feeder
from tests.bench.stage import Site, Stage
from tests.bench.worker import Worker

WARM_S = 5  # at the rate, before anything counts
SETTLE_S = 1.0  # after the last commit, for the reader
AGENTS = (FOLLOW, PATH)
CAUSED_BY_AN_EVENT = ("match", "stop", "superseded")  # steps; the clock causes the others


@dataclass(frozen=True)
class Steady:
    """cpu_ratio: of one core, worker. changelog_bytes: keys and values that follow wrote, before
    compression; changelog_disk_bytes: in the broker's segments, None when it compacted meanwhile.
    """

    agents: str
    rate: int
    seconds: float
    bytes_in: int
    samples: int
    p50_ms: float
    p99_ms: float
    cpu_ratio: float
    changelog_bytes: int
    changelog_disk_bytes: int | None


async def measure_steady(stage: Stage) -> list[Steady]:
    """Each rate in turn, from the interactions and from the raw topic."""
    found = []
    for agents in AGENTS:
        site = await drained(stage, agents)
        with Worker(site) as worker:
            await worker.ready()
            async with open_feeder(site.settings, site.source) as feeder:
                for rate in stage.plan.rates:
                    run = Run(stage, site, worker, feeder, rate)
                    await run.send(WARM_S)
                    found.append(await run.measure())
    return found


class Run:
    """One rate on one site."""

    def __init__(self, stage: Stage, site: Site, worker: Worker, feeder: Feeder, rate: int) -> None:
        self._stage = stage
        self._site = site
        self._worker = worker
        self._feeder = feeder
        self._rate = rate
        self._changelog = site.topics.follow_changelog.name

    async def send(self, seconds: int) -> dict[str, int]:
        """Append times, ms, by event id; returns when all are committed."""
        events = seconds * self._rate
        records = self._stage.plan.onward(events, self._site.onward)
        committed = await self._worker.committed() or 0
        appended = await self._feeder.pace(records, self._rate)
        self._site.onward += events
        await self._worker.commits(committed + events)
        return appended

    async def measure(self) -> Steady:
        site, seconds = self._site, self._stage.plan.steady_s
        async with (
            open_reader(site.settings, *site.alert_topics) as alerts,
            open_reader(site.settings, self._changelog) as changelog,
        ):
            disk, bytes_in = self._disk(), self._feeder.bytes
            async with _listening(alerts) as arrived:
                cpu_s, began = self._worker.cpu_s(), time.monotonic()
                appended = await self.send(seconds)
                cpu_s, took = self._worker.cpu_s() - cpu_s, time.monotonic() - began
                await asyncio.sleep(SETTLE_S)
            written = await _bytes_since(site, self._changelog, changelog.ends)
        waits = sorted(at - appended[id] for id, at in arrived.items() if id in appended)
        cuts = quantiles(waits, n=100)
        return Steady(
            agents=site.agents,
            rate=self._rate,
            seconds=took,
            bytes_in=self._feeder.bytes - bytes_in,
            samples=len(waits),
            p50_ms=cuts[49],
            p99_ms=cuts[98],
            cpu_ratio=cpu_s / took,
            changelog_bytes=written,
            changelog_disk_bytes=_grown(disk, self._disk()),
        )

    def _disk(self) -> dict[Path, int]:
        """Sizes of the changelog's segments, as the broker has them."""
        data = self._stage.kafka.home.data
        return {path: path.stat().st_size for path in data.glob(f"{self._changelog}-*/*.log")}


@asynccontextmanager
async def _listening(reader: Reader) -> AsyncIterator[dict[str, float]]:
    """When an event's alert has arrived, ms since 1970, by the event's id; from now on."""
    reader.seek(reader.ends)
    arrived: dict[str, float] = {}
    listener = asyncio.create_task(_listen(reader, arrived))
    try:
        yield arrived
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


async def _listen(reader: Reader, arrived: dict[str, float]) -> None:
    async for record in reader.onward():
        now_ms = time.time() * 1000
        alert = json.loads(record.value or b"")
        if alert["step"] in CAUSED_BY_AN_EVENT:
            last = max(alert["evidence"], key=lambda evidence: evidence["offset"])
            arrived.setdefault(last["id"], now_ms)


async def _bytes_since(site: Site, topic: str, offsets: Offsets) -> int:
    """Keys and values that were committed to a topic since then."""
    async with open_reader(site.settings, topic) as reader:
        reader.seek(offsets)
        sizes = [len(r.key or b"") + len(r.value or b"") async for r in reader.to_end()]
    return sum(sizes)


def _grown(before: dict[Path, int], after: dict[Path, int]) -> int | None:
    """Bytes that came in between; None when a segment became smaller or went.

    >>> a, b = Path("a"), Path("b")
    >>> _grown({a: 5}, {a: 7, b: 2}), _grown({a: 5, b: 1}, {b: 9})
    (4, None)
    """
    if any(after.get(path, 0) < size for path, size in before.items()):
        return None
    return sum(after.values()) - sum(before.values())
