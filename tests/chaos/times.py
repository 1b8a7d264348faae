"""Time that goes wrong, deadlines that pass unseen, and a long silence: F13, F14, F23."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from streams.reader import Stored
from tests.chaos.finding import Finding
from tests.chaos.programs import planted
from tests.chaos.site import Site
from tests.chaos.stage import Stage
from tests.e2e.test_worker_time import event
from tests.e2e.workers import stored

GOAL_S = 4
ACCOUNTS = 300
LATENESS_S = 1.0
LATE_S_MAX = 2.0
FIRST_S_MAX = 2.0
SLA: dict[str, Any] = {
    "id": "legal",
    "kind": "sla",
    "start": {"type": "contract.revised"},
    "stop": {"type": "legal.replied"},
    "goal": {"within": f"{GOAL_S}s"},
}


async def told(site: Site) -> list[tuple[Stored, dict[str, Any]]]:
    """Every breach with its record."""
    found = await stored(site.settings, site.topics.sla_breaches.name)
    return [(r, json.loads(r.value or b"")) for records in found.values() for r in records]


def due_ms(alert: dict[str, Any]) -> float:
    """When it could be told: ms since 1970."""
    return datetime.fromisoformat(alert["due_at"]).timestamp() * 1000


async def clocks_go_wrong(stage: Stage) -> Finding:
    """F13. Some producers' clocks are 10 minutes ahead or behind, and the worker's own clock jumps
    an hour ahead, then an hour back. No deadline fires before it is due by the broker's clock.
    """
    found = Finding("producers' clocks 10 min off, the worker's clock +1 h, then -1 h")
    async with stage.site("F13", rules=[SLA], lateness_s=LATENESS_S) as site:
        ahead, behind = site.folder / "ahead", site.folder / "behind"
        worker = site.start("ahead", planted("clock", 3_600, ahead))
        await worker.ready()
        for number in range(3):
            await site.feed(_skewed(number))
            ahead.touch()
            await asyncio.sleep(GOAL_S / 2)
            ahead.unlink()
            await asyncio.sleep(1)
        found.promise(await worker.stop() == 0, f"it ended with {worker.exits}")
        worker = site.start("behind", planted("clock", -3_600, behind))
        behind.touch()
        await worker.ready()
        await site.feed(_skewed(3))
        await asyncio.sleep(GOAL_S)
        behind.unlink()
        await asyncio.sleep(GOAL_S)
        found = await site.settle(found)
        alerts = await told(site)
        early = sum(record.timestamp < due_ms(alert) for record, alert in alerts)
        found.figures["early_alerts"] = early
        found.promise(not early, f"{early} alerts before they were due")
        fired = sum(alert["state"] == "firing" for _, alert in alerts)
        found.promise(fired == 4 * 20, f"{fired} of {4 * 20} deadlines fired")
        return found


def _skewed(number: int) -> Iterator[tuple[bytes, bytes]]:
    """Ten accounts with a right clock, ten that are behind, ten whose events are refused."""
    now = time.time()
    for n in range(10):
        for name, skew_s in (("right", 0), ("behind", -600), ("ahead", 600)):
            yield event("contract.revised", now + skew_s, f"{name}-{number}-{n}")


async def due_while_down(stage: Stage) -> Finding:
    """F14. Deadlines pass while every worker is down. The next one says each of them once; it is
    killed while it does, and the one after says the rest.
    """
    found = Finding(f"{ACCOUNTS} deadlines pass while nobody works, then a kill among them")
    async with stage.site("F14", rules=[SLA], lateness_s=LATENESS_S) as site:
        first = await site.ready("first")
        revised_s = time.time()
        await site.feed(event("contract.revised", revised_s, f"a{n}") for n in range(ACCOUNTS))
        await first.applies(ACCOUNTS)
        await first.end()
        await asyncio.sleep(GOAL_S + 1)
        worker = site.start("second")
        await worker.ready()
        await site.pause(0, 0.4)
        await worker.kill()
        back_ms = time.time() * 1000
        await asyncio.sleep(LATE_S_MAX)
        found = await site.settle(found)
        alerts = await told(site)
        fired = Counter(alert["account"] for _, alert in alerts if alert["state"] == "firing")
        found.promise(set(fired.values()) == {1}, f"they fired {Counter(fired.values())} times")
        found.promise(len(fired) == ACCOUNTS, f"{len(fired)} of {ACCOUNTS} fired")
        late_s = max((r.timestamp - max(back_ms, due_ms(a))) / 1000 for r, a in alerts)
        found.bound("late_after_ready", max(0, late_s), LATE_S_MAX + LATENESS_S)
        return found


async def idle_then_burst(stage: Stage) -> Finding:
    """F23. Nothing comes for so long that the broker closes every idle connection, again and again
    (after 2 s instead of 10 min, for 30 s instead of 2 h). The first event then finds all at work.
    """
    idle_s = stage.scaled(60)
    found = Finding(f"silence for {idle_s:.0f} s, idle connections closed after 2 s; then a burst")
    async with (
        stage.own_kafka("F23", connections_max_idle_ms="2000") as kafka,
        stage.site("F23", kafka) as site,
    ):
        worker = await site.ready()
        await site.feed(_pairs(0))
        await worker.applies(2)
        await asyncio.sleep(idle_s)
        await site.feed(_pairs(1))
        async with site.load(accounts=200, rate=stage.scaled(5_000)):
            await asyncio.sleep(5)
        found = await site.settle(found)
        raw = await stored(site.settings, site.topics.raw.name)
        sent = [r for records in raw.values() for r in records if r.key == b"burst-1"]
        signals = await stored(site.settings, site.topics.signals.name)
        seen = [r for records in signals.values() for r in records if r.key == b"burst-1"]
        found.promise(bool(seen), "the first alert after the silence is missing")
        if seen:
            first_s = (seen[0].timestamp - sent[-1].timestamp) / 1000
            found.bound("first_alert", first_s, FIRST_S_MAX)
        return found


def _pairs(number: int) -> Iterator[tuple[bytes, bytes]]:
    now = time.time()
    yield event("page.compared", now - 1, f"burst-{number}")
    yield event("paper.downloaded", now, f"burst-{number}")
