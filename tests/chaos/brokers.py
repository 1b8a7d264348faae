"""A broker that freezes, dies, stays away, or has no more room: F5, F6, F7, F16."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time

import psutil
from aiokafka.errors import KafkaError

from streams.broker import EmbeddedKafka
from streams.probe import OffsetProbe
from tests.chaos.finding import Finding
from tests.chaos.programs import exit_code, planted
from tests.chaos.site import Site
from tests.chaos.stage import Stage
from tests.e2e.workers import COMMAND, traffic

RESUME_S_MAX = 10.0
TRANSACTION_S = 10.0
ABORT_EVERY_S = 10.0  # the broker's look for transactions that are too old
WOKEN_S_MAX = 5.0
DOWN_S = 300.0
ROOM_BYTES = 200_000


async def group_total(site: Site) -> int | None:
    """Sum of the group's offsets of the raw topic; None while no broker can tell."""
    probe = OffsetProbe(site.settings)
    try:
        await probe.start()
        group = await probe.group(site.topics.raw.name, range(site.settings.partitions))
        return sum(at.offset for at in group.values())
    except KafkaError:
        return None
    finally:
        await probe.stop()


async def resumed_s(site: Site, patience_s: float = 90) -> float:
    """s until the group's offsets move, from now on; under load. Raises TimeoutError."""
    began, stood = time.monotonic(), None
    async with asyncio.timeout(patience_s):
        while True:
            stands = await group_total(site)
            if None not in (stood, stands) and stands != stood:
                return time.monotonic() - began
            stood = stands if stood is None else stood
            await asyncio.sleep(0.1)


async def broker_falters(stage: Stage) -> Finding:
    """F5. The broker freezes for 8 s and for 15 s, then it is killed and comes back. Each time the
    work goes on within 10 s of its return, by the same worker or the next.
    """
    kafka = stage.kafka
    found = Finding("broker frozen for 8 s and 15 s, then killed and started again")
    async with stage.site("F5") as site:
        worker = await site.ready()
        async with site.load(accounts=500, rate=stage.scaled(2_000)):
            await worker.applies(1_000)
            for frozen_s in (8, 15):
                await _freeze(kafka, frozen_s)
                found.bound(f"resumed_after_{frozen_s}_s", await resumed_s(site), RESUME_S_MAX)
            await asyncio.to_thread(kafka.kill)
            await asyncio.sleep(3)
            await asyncio.to_thread(kafka.start)
            found.recovery_s = await resumed_s(site)
            found.bound("resumed_after_kill", found.recovery_s, RESUME_S_MAX)
        found.figures["exits"] = worker.exits
        return await site.settle(found)


async def _freeze(kafka: EmbeddedKafka, seconds: float) -> None:
    pid = kafka.pid
    assert pid is not None, "the stage has started it"
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


async def broker_away(stage: Stage) -> Finding:
    """F6. The only broker is away for five minutes, longer than every timeout. The worker gives
    up with exit code 70; its supervisor starts it again and again; it goes on when it can.
    """
    down_s = stage.scaled(DOWN_S)
    found = Finding(f"broker down for {down_s:.0f} s")
    async with stage.own_kafka("F6") as kafka, stage.site("F6", kafka) as site:
        worker = await site.ready()
        await site.feed(_rows(site, 40_000))
        await worker.applies(1_000)
        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(down_s)
        found.figures["exits_while_down"] = sorted(set(worker.exits))
        found.promise(set(worker.exits) <= {3, 70}, f"it ended with {worker.exits}")
        await asyncio.to_thread(kafka.start)
        began = time.monotonic()
        await site.feed(_rows(site, 2_000))
        await worker.wait_until(worker.is_ready, 90)
        found.recovery_s = time.monotonic() - began
        return await site.settle(found)


def _rows(site: Site, events: int) -> list[tuple[bytes, bytes]]:
    return list(traffic(events, accounts=500, seed=site.chance.randrange(2**32)))


async def transaction_times_out(stage: Stage) -> Finding:
    """F7. A worker freezes between the rows and the commit of a checkpoint, for longer than its
    transaction may last. The broker aborts it, readers go on; when the worker wakes up, its commit
    is refused, it ends with exit code 70, and the next one does the work again.
    """
    frozen_s = TRANSACTION_S + ABORT_EVERY_S + 3
    found = Finding(f"worker frozen inside a transaction of {TRANSACTION_S:.0f} s")
    async with stage.site("F7", transaction_timeout_s=TRANSACTION_S) as site:
        worker = site.start(command=planted("stop", site.chance.randint(5, 20)))
        async with site.load(accounts=500, rate=stage.scaled(2_000)):
            process = psutil.Process(worker.worker.process.pid)
            while process.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.05)
            await asyncio.sleep(frozen_s)
            frozen = worker.worker
            worker.command = COMMAND
            process.resume()
            woken = time.monotonic()
            code = await exit_code(frozen, 30)
            found.bound("woken_s", time.monotonic() - woken, WOKEN_S_MAX)
            found.promise(code == 70, f"it ended with {code}, not 70")
            found.recovery_s = await worker.ready()
        return await site.settle(found)


async def disk_full(stage: Stage) -> Finding:
    """F16. The broker may write no more (a limit on the size of its files, as a full disk has it),
    fails its log directory and ends. With room again it starts, and nothing acknowledged is lost.
    """
    found = Finding("broker's files may not grow, until it ends; then there is room again")
    async with stage.own_kafka("F16") as kafka, stage.site("F16", kafka) as site:
        worker = await site.ready()
        await site.feed(_rows(site, 5_000))
        await worker.applies(1_000)
        _take_room(kafka)
        feed = site.feed(_rows(site, 40_000))
        async with asyncio.timeout(60):
            while kafka.pid is not None:  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.1)
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)
        await asyncio.to_thread(kafka.start)
        began = time.monotonic()
        await site.feed(_rows(site, 2_000))
        await worker.wait_until(worker.is_ready, 90)
        found.recovery_s = time.monotonic() - began
        found.figures["exits"] = worker.exits
        found.promise(set(worker.exits) <= {3, 70}, f"it ended with {worker.exits}")
        return await site.settle(found)


def _take_room(kafka: EmbeddedKafka) -> None:
    """No file of it may grow by more than ROOM_BYTES."""
    pid = kafka.pid
    assert pid is not None, "the stage has started it"
    largest = max(path.stat().st_size for path in kafka.home.data.glob("*/*.log"))
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + ROOM_BYTES, hard))
