"""Input that is bad, huge, in disorder, or that the engine cannot bear: F8 to F12."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from streams.agents.follow import NAME as FOLLOW
from streams.connection import client_options
from streams.record_text import dead_headers
from tests.chaos.finding import Finding
from tests.chaos.programs import planted
from tests.chaos.site import Site
from tests.chaos.stage import Stage
from tests.e2e.workers import RULES, TYPES, stored
from tests.unit.test_ingest import BAD, encoded

POISON_EVERY = 1_000
CULPRIT = "acct-13"
NAMED = "named"
BIG_BYTES = 900_000
HUGE_BYTES = 5_000_000
HOUR_S = 3_600.0


async def few_poison(stage: Stage) -> Finding:
    """F8. One record in a thousand cannot be used: broken JSON, tombstones, wrong types, no time.
    Each is in the dead letters with its reason, the others lose neither place nor order.
    """
    found = Finding(f"one bad record in {POISON_EVERY:,}, of {len(BAD)} kinds; null keys")
    async with stage.site("F8") as site:
        worker = await site.ready()
        rate = stage.scaled(5_000)
        async with site.load(accounts=500, rate=rate):
            await _poison(site, rate / POISON_EVERY)
        await site.drain()
        found.promise(worker.exits == [], f"the worker ended with {worker.exits}")
        found = await site.settle(found)
        found.promise(found.audit.letters >= len(BAD) - 1, "not all kinds are in the dead letters")
        return found


async def _poison(site: Site, rate: float) -> None:
    """Every kind of bad record at so many a second, in random partitions; good ones without a
    key in between.
    """
    producer = AIOKafkaProducer(**client_options(site.settings), max_request_size=8_000_000)
    await producer.start()
    try:
        for number, (_, bad) in enumerate(BAD.values()):
            partition = site.chance.randrange(site.settings.partitions)
            headers = list(bad.headers) or None
            topic = site.topics.raw.name
            await producer.send_and_wait(topic, bad.value, bad.key, partition, headers=headers)
            good = encoded(id=f"keyless-{number}", subject=f"keyless-{number}")
            await producer.send_and_wait(topic, good, None, partition)
            await asyncio.sleep(1 / rate)
    finally:
        await producer.stop()


async def only_poison(stage: Stage) -> Finding:
    """F9. A wrong deployment: from some point on nothing can be parsed. The worker stops, three
    times, with few dead letters; somebody looks, allows it, and everything is told after all.
    """
    found = Finding("a topic full of records of another format")
    async with stage.site("F9") as site:
        settings = site.settings
        await site.feed((f"a{n}".encode(), encoded(id=f"{n}", subject=f"a{n}")) for n in range(900))
        await site.feed((f"a{n % 50}".encode(), b"<event/>") for n in range(2_000))
        worker = site.start()

        async def stopped_thrice() -> bool:
            return len(worker.exits) >= 3

        await worker.wait_until(stopped_thrice)
        await worker.end()
        found.promise(set(worker.exits[:3]) == {70}, f"it ended with {worker.exits}")
        letters = await stored(settings, site.topics.dead_letters.name)
        most = max(map(len, letters.values()), default=0)
        found.figures["dead_letters_before_stop"] = most
        found.promise(most <= settings.rejects_in_row_max, f"{most} dead letters of a partition")
        told = "raise PATHLINE_REJECTS" in worker.text
        found.promise(told, "it does not say what to do")
        await site.ready("allowed", rejects_in_row_max=10_000, rejects_ratio_max=1.0)
        return await site.settle(found)


async def bug_of_one_account(stage: Stage) -> Finding:
    """F10. The engine fails halfway at every event of one account. This account is set aside, its
    records are dead letters with the traceback; all others go on as if it had never been.
    """
    found = Finding("the engine raises at every event of one account")
    async with stage.site("F10") as site:
        worker = site.start(command=planted("bug", CULPRIT))
        await worker.ready()
        async with site.load(accounts=100, rate=stage.scaled(2_500)):
            await site.pause(6, 8)
        found = await site.settle(found, exempt=frozenset({CULPRIT}))
        found.promise(worker.exits == [0], f"the worker ended with {worker.exits}")
        reasons = await letters_of_follow(site)
        found.figures["dead_letters_of_it"] = dict(reasons)
        sent = sum(
            record.key == CULPRIT.encode()
            for records in (await stored(site.settings, site.topics.interactions.name)).values()
            for record in records
        )
        found.promise(reasons["engine_fault"] == 1, f"{reasons['engine_fault']} engine faults")
        found.promise(reasons.total() == sent, f"{reasons.total()} letters of {sent} events")
        return found


async def huge(stage: Stage) -> Finding:
    """F11. Events of 900 KB pass, of 5 MB are dead letters; and a customer with texts of 900 KB in
    twenty tickets, each of which a rule has to remember for its sentence, breaks nothing.
    """
    shown = {**RULES[0], "key": ["data.ticket"], "why": "{{start.data.text}} waits"}
    found = Finding("events of 900 KB and 5 MB, 20 texts of 900 KB to remember")
    async with stage.site("F11", rules=[shown, *RULES[1:]]) as site:
        worker = await site.ready()
        await site.feed(_huge_rows(site.chance))
        async with site.load(accounts=100, rate=stage.scaled(500)):
            await site.pause(4, 5)
        await site.drain()
        await site.feed([(NAMED.encode(), encoded(id="one-more", subject=NAMED))])
        found = await site.settle(found, exempt=frozenset({NAMED}))
        found.promise(worker.exits == [0], f"the worker ended with {worker.exits}")
        found.promise(found.audit.letters >= 5, "the events of 5 MB are no dead letters")
        reasons = await letters_of_follow(site)
        found.figures["dead_letters_of_it"] = dict(reasons)
        found.promise(reasons["account_quarantined"] > 0, "its state is not bounded")
        return found


async def letters_of_follow(site: Site) -> Counter[str]:
    """Dead letters of `follow`, by reason."""
    letters = await stored(site.settings, site.topics.dead_letters.name)
    told = [dead_headers(record) for records in letters.values() for record in records]
    return Counter(headers["reason"] for headers in told if headers["agent"] == FOLLOW)


def _huge_rows(chance: random.Random) -> Iterator[tuple[bytes, bytes]]:
    """Random text, which no compression makes small; before all others, so that who is set aside
    moves no clock.
    """
    early = "2025-12-01T00:00:00Z"
    for n in range(20):
        big = {"text": chance.randbytes(BIG_BYTES // 2).hex()}
        yield b"big", encoded(id=f"big-{n}", subject="big", time=early, data=big)
        named = {"ticket": n, "text": chance.randbytes(BIG_BYTES // 2).hex()}
        yield (
            NAMED.encode(),
            encoded(id=f"n-{n}", subject=NAMED, time=early, type="contract.revised", data=named),
        )
    for n in range(5):
        yield b"huge", encoded(id=f"huge-{n}", subject="huge", data={"text": "x" * HUGE_BYTES})


async def disorder(stage: Stage) -> Finding:
    """F12. A tenth of the events comes late, a tenth early, by up to an hour, and a tenth twice.
    The pure engine makes the same of it, retractions included.
    """
    found = Finding("10 % late, 10 % early, by up to 1 h, 10 % twice")
    async with stage.site("F12", future_skew_s=2 * HOUR_S) as site:
        worker = await site.ready()
        rows = list(_disordered(int(stage.scaled(40_000)), site.chance))
        await site.feed(rows)
        await worker.wait_until(site.is_drained, 120)
        await site.drain()
        repeated = sum(
            value
            for name, value in (await worker.readings()).items()
            if name == "pathline_events_total/follow"
        )
        found.figures["applied_or_repeated"] = round(repeated)
        found.figures["sent"] = len(rows)
        return await site.settle(found)


def _disordered(events: int, chance: random.Random) -> Iterator[tuple[bytes, bytes]]:
    """A second apart, up to now."""
    begin_s = datetime.now(UTC).timestamp() - events
    for n in range(events):
        shift_s = chance.choice((0, 0, 0, 0, 0, 0, 0, 0, -HOUR_S, HOUR_S)) * chance.random()
        account = f"acct-{chance.randrange(100)}"
        time = datetime.fromtimestamp(begin_s + n + shift_s, UTC).isoformat()
        value = encoded(id=f"e{n}", type=chance.choice(TYPES), time=time, subject=account)
        for _ in range(1 + (chance.random() < 0.1)):
            yield account.encode(), value
