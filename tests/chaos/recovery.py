"""A cold start with much state: F19, and F19M with a million accounts."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rules.loader import load
from rules.partition import Partition
from rules.ruleset import compile_rules
from rules.snapshot import encode_account
from streams.appender import KafkaAppender
from streams.codec import parse_event
from streams.position import Position, encode_position, position_key
from streams.settings import Settings
from streams.topics import Topics
from tests.bench.feeder import open_feeder
from tests.bench.rules import RULES
from tests.bench.traffic import SPAN_MS, traffic
from tests.chaos.finding import Finding
from tests.chaos.site import READY_S_MAX
from tests.chaos.stage import Stage
from tests.e2e.judge import engine_for

SIZES = (10_000, 50_000, 200_000)
MILLION = 1_000_000
ACCOUNTS_PER_S = 50_000  # P4
MODELS = 200  # real accounts, of which the others are copies
EVENTS_EACH = 100  # in the life of each: its sequence is full
NO_REJECTS = {"seen": 0, "at": [], "in_row": 0}


async def cold_recovery(stage: Stage) -> Finding:
    """F19. A worker starts on an empty machine, and the changelog holds 10,000, 50,000, 200,000
    accounts as 20 rules make them. Time to readiness grows with the accounts, as promised.
    """
    return await recover(stage, SIZES)


async def cold_recovery_of_a_million(stage: Stage) -> Finding:
    """F19M. The same with a million accounts in one worker: 13 GB of memory, so not by default."""
    return await recover(stage, (MILLION,))


async def recover(stage: Stage, sizes: tuple[int, ...]) -> Finding:
    """One site for each size."""
    found = Finding(f"cold start with {', '.join(f'{size:,}' for size in sizes)} accounts")
    for size in sizes:
        async with stage.site("F19", rules=RULES) as site:
            written = await fill(site.settings, size)
            worker = site.start()
            ready_s = await worker.ready(600)
            accounts = (await worker.readings())["pathline_accounts"]
            found.promise(accounts == size, f"{accounts:,.0f} of {size:,} accounts are there")
            found.bound(f"ready_{size}", ready_s, READY_S_MAX + size / ACCOUNTS_PER_S)
            found.figures[f"bytes_each_{size}"] = round(written / size)
            found.figures[f"rss_mb_{size}"] = round(worker.rss_mb())
            found.recovery_s = ready_s
    return found


async def fill(settings: Settings, size: int) -> int:
    """Put so many accounts and the positions into the changelog; bytes of the accounts."""
    changelog = Topics(settings).follow_changelog.name
    engine = _lived_through(settings)
    header = {**engine.header(), "rejects": NO_REJECTS}
    async with open_feeder(settings, changelog) as feeder:
        await feeder.load(_copies(engine, size))
    appender = KafkaAppender(settings)
    await appender.start()
    for partition in range(settings.partitions):
        position = encode_position(Position(0, header), engine.clock)
        await appender.append(changelog, partition, position_key(partition), position)
    await appender.stop()
    return feeder.bytes


def _lived_through(settings: Settings) -> Partition:
    """An engine that has seen 60 days of a few accounts, up to now."""
    rules = compile_rules(load(settings.rules, settings.calendars))
    engine = engine_for(settings, rules, 0)
    begin_ms = time.time_ns() // 1_000_000 - SPAN_MS
    events = traffic(MODELS * EVENTS_EACH, MODELS, start_ms=begin_ms)
    for offset, (_, value) in enumerate(events):
        engine.advance(parse_event(value, offset))
    return engine


def _copies(engine: Partition, size: int) -> Iterator[tuple[bytes, bytes]]:
    models = list(engine.accounts.values())
    for number in range(size):
        account = models[number % len(models)]
        account.id = f"acct-{number:07d}"
        yield account.id.encode(), encode_account(account)
