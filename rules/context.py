"""What the kinds see of their partition while they decide, and where their decisions go."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from models.account import Limits
from models.alert import Alert
from models.case import Hit
from models.score import Score


class Output(NamedTuple):
    """An alert on its way; topic: its short name, such as `sla-breaches`."""

    topic: str
    alert: Alert


class Heard(NamedTuple):
    """What a rule that others listen to has said. key: of its alert."""

    hit: Hit
    key: Mapping[str, Any]
    retracted: bool


class Context:
    """clock: ms. stale: (feed, max_stale ms) pairs that are stale. digest: of the rule set.

    watched: ids of the rules that others listen to. heard: what they said, until it is taken up.
    scores: of accounts, on their way.
    """

    def __init__(self, topic: str, partition: int, limits: Limits) -> None:
        self.topic = topic
        self.partition = partition
        self.limits = limits
        self.clock = 0
        self.digest = ""
        self.stale: set[tuple[str, int]] = set()
        self.out: list[Output] = []
        self.watched: frozenset[str] = frozenset()
        self.heard: list[Heard] = []
        self.scores: list[Score] = []
        self.stats: Counter[str] = Counter()
        self.heap: list[tuple[int, str, str, str]] = []

    def schedule(self, due: int, account: str, rule: str, key: str) -> None:
        """Entries are never removed: a case whose `due` has moved ignores the old one."""
        heapq.heappush(self.heap, (due, account, rule, key))

    def take(self) -> list[Output]:
        """The decisions since the last call."""
        out, self.out = self.out, []
        self.heard = []
        return out
