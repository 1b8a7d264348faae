"""What the kinds see of their partition while they decide, and where their decisions go."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import NamedTuple

from models.account import Limits
from models.alert import Alert


class Output(NamedTuple):
    """An alert on its way; topic: its short name, such as `sla-breaches`."""

    topic: str
    alert: Alert


class Context:
    """clock: ms. stale: (feed, max_stale ms) pairs that are stale. digest: of the rule set."""

    def __init__(self, topic: str, partition: int, limits: Limits) -> None:
        self.topic = topic
        self.partition = partition
        self.limits = limits
        self.clock = 0
        self.digest = ""
        self.stale: set[tuple[str, int]] = set()
        self.out: list[Output] = []
        self.stats: Counter[str] = Counter()
        self.heap: list[tuple[int, str, str, str]] = []

    def schedule(self, due: int, account: str, rule: str, key: str) -> None:
        """Entries are never removed: a case whose `due` has moved ignores the old one."""
        heapq.heappush(self.heap, (due, account, rule, key))

    def take(self) -> list[Output]:
        """The decisions since the last call."""
        out, self.out = self.out, []
        return out
