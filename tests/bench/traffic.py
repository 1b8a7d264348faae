"""Seeded traffic for the benchmarks: 60 days of B2B behaviour over accounts of unequal weight.

Competitor pages are often followed by the security paper, revisions mostly by a legal reply,
tickets by service replies; the rest is background. Event time rises, with 2 s of disorder.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

T0_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
SPAN_MS = 60 * 86_400_000
BACKGROUND = {
    "page.viewed": 28,
    "pricing.viewed": 9,
    "competitor.compared": 6,
    "paper.downloaded": 5,
    "case_study.downloaded": 6,
    "mail.opened": 15,
    "mail.clicked": 8,
    "contract.sent": 4,
    "contract.revised": 4,
    "legal.replied": 0.5,
    "meeting.booked": 6,
    "ticket.opened": 4,
    "service.replied": 0.5,
    "trial.started": 1,
    "feature.used": 3,
}
# type -> (follow-up, how often, after ms at least, at most)
FOLLOWED = {
    "competitor.compared": ("paper.downloaded", 0.3, 1_000, 60_000),
    "contract.revised": ("legal.replied", 0.93, 60_000, 7_500_000),
    "ticket.opened": ("service.replied", 0.93, 60_000, 16_000_000),
    "trial.started": ("feature.used", 0.9, 3_600_000, 500_000_000),
}


def traffic(
    events: int,
    accounts: int,
    seed: int = 42,
    start_ms: int = T0_MS,
    span_ms: int = SPAN_MS,
) -> Iterator[tuple[bytes, bytes]]:
    """(key, structured CloudEvent as JSON), in the order in which they are sent.

    start_ms, span_ms: event time runs from here (ms since 1970) for so long. Another seed gives
    other ids, so traffic of one seed may follow that of another.
    """
    chance = random.Random(seed)
    names = [f"acct-{i:05d}" for i in range(accounts)]
    weights = list(itertools.accumulate(1 / (i + 10) ** 0.8 for i in range(accounts)))
    types = list(BACKGROUND)
    type_weights = list(itertools.accumulate(BACKGROUND.values()))
    waiting: list[tuple[int, int, str, str]] = []
    encode = msgspec.json.encode
    for i in range(events):
        now = start_ms + i * span_ms // events
        if waiting and waiting[0][0] <= now:
            at, _, account, type = heapq.heappop(waiting)
        else:
            account = names[bisect.bisect(weights, chance.random() * weights[-1])]
            type = types[bisect.bisect(type_weights, chance.random() * type_weights[-1])]
            at = now + chance.randint(-2000, 2000)
        follow = FOLLOWED.get(type)
        if follow and chance.random() < follow[1]:
            heapq.heappush(waiting, (at + chance.randint(*follow[2:]), i, account, follow[0]))
        event = {
            "specversion": "1.0",
            "id": f"{chance.getrandbits(64):016x}",
            "source": "//bench/crm",
            "type": type,
            "time": datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            + f".{at % 1000:03d}Z",
            "subject": account,
            "data": {"document": "msa.pdf", "dwell_s": round(chance.random() * 400, 1)},
        }
        yield account.encode(), encode(event)
