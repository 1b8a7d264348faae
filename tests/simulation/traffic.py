"""What comes in from outside: raw records, good, late, twice, bad, breaking the engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from streams.checkpoint import partition_of
from streams.control import Erase, encode_control
from streams.ports import Row
from tests.laws.random_rules import TYPES
from tests.simulation.log import Transaction
from tests.simulation.site import Site

A, B, C, D, E = TYPES[:5]
MIXTURES = [[A, C, D], [A, A, B, C, C, D], [A, A, B, E], [A, A, B, C, D, E, "x.other"]]
VALUES: dict[str, list[Any]] = {
    "n": [1, 1, 1, 1, 1, 2, 2, "1", None],
    "v": [0, 1, 1, 2],
    "w": [1, 2, "text"],
}
ACCOUNTS = ["ann", "bob", "cid", "dan", "eve"]
BREAKING = "breaks"  # an event with this in its data breaks the engine
CURSED = "cursed"  # an account whose deadlines break the engine
BAD: list[tuple[bytes | None, bytes | None]] = [
    (b"ann", b"{"),
    (b"ann", None),
    (b"\xff", b"{}"),
    (None, b'{"specversion":"1.0","id":"1","source":"//x","type":"a.b"}'),
    (b"bob", b"[1]"),
]
OPEN_S = [0.0, 0.1, 2.0]  # that a transaction of a source takes
LATE_MS = [500, 1_000, 2_000, 3_000, 5_000, 8_000, 30_000]


class Traffic:
    """bad, breaking: shares of such records. quiet: a feed that says nothing for now."""

    def __init__(self, site: Site, until_s: float) -> None:
        chance = site.chance
        self.quiet: str | None = None
        self._site = site
        self._types = chance.choice(MIXTURES)
        self._accounts = ACCOUNTS[: chance.randint(1, len(ACCOUNTS))]
        self._bad = chance.choice([0, 0, 0.05])
        self._breaking = chance.choice([0, 0, 0.02])
        if chance.random() < 0.2:
            self._accounts = [*self._accounts, CURSED]
        self._earlier: list[dict[str, Any]] = []
        self._number = 0
        at_s, gap_s = 0.0, chance.choice([0.1, 0.2, 0.4])
        while at_s < until_s:
            burst = chance.random() < 0.05
            for _ in range(chance.randint(5, 30) if burst else 1):
                site.loop.call_at(at_s, self._send, context=site.loop.outside)
            at_s += chance.expovariate(1 / gap_s)

    def _send(self) -> None:
        site, chance = self._site, self._site.chance
        partition = chance.randrange(site.settings.partitions)
        draw = chance.random()
        if draw < self._bad:
            row = Row(*chance.choice(BAD))
        elif draw > 0.995:
            self._steer(chance.choice(self._accounts))
            return
        else:
            event = self._event(site.broker.now_ms())
            if event["source"].endswith(self.quiet or " "):
                return
            row = Row(event["subject"].encode(), json.dumps(event).encode())
        if draw > 0.97:
            self._send_in_transaction(partition, row)
        else:
            site.broker.append((site.topics.raw.name, partition), row)

    def _steer(self, account: str) -> None:
        """A control record by hand: an account is erased, or one that nobody understands."""
        site = self._site
        partition = partition_of(account.encode(), site.settings.partitions)
        row = Row(b"\0what", b"{}") if self._bad else Row(*encode_control(Erase(account=account)))
        site.broker.append((site.topics.interactions.name, partition), row)

    def _send_in_transaction(self, partition: int, row: Row) -> None:
        """By a source of its own, which may take it back."""
        site, transaction = self._site, Transaction("a source")
        log = site.broker.logs[site.topics.raw.name, partition]
        log.append([row], site.broker.now_ms(), transaction)

        def end() -> None:
            transaction.is_committed = site.chance.random() < 0.5
            log.mark(transaction)

        site.loop.call_later(site.chance.choice(OPEN_S), end, context=site.loop.outside)

    def _event(self, now_ms: int) -> dict[str, Any]:
        """`n` in its data tells each from all others."""
        chance = self._site.chance
        late_ms = chance.choice(LATE_MS) if chance.random() < 0.2 else 0
        if chance.random() < 0.01:
            late_ms = -60_000  # from the future
        self._number += 1
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"e{self._number}",
            "source": chance.choice(["//test/crm", "//test/web"]),
            "type": chance.choice(self._types) if chance.random() < 0.9 else B,
            "time": datetime.fromtimestamp((now_ms - late_ms) / 1000, UTC).isoformat(),
            "subject": chance.choice(self._accounts),
        }
        if self._earlier and chance.random() < 0.1:
            repeated = chance.choice(self._earlier[-5:])
            event |= {"id": repeated["id"], "source": repeated["source"]}
        if self._earlier and chance.random() < 0.05:
            event = dict(chance.choice(self._earlier[-5:]))
        data = {n: chance.choice(of) for n, of in VALUES.items() if chance.random() < 0.9}
        event["data"] = {**data, "number": self._number}
        if chance.random() < self._breaking:
            event["data"][BREAKING] = True
        self._earlier.append(event)
        return event
