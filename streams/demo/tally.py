"""What came out of the demo: alerts by rule, how long they took, and if they are the right ones.

Pure; the demo feeds it with what it sends and reads.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from streams.plots import Plot, Signal

RULES: Mapping[Signal, frozenset[str]] = {
    "competitor-then-paper": frozenset({"buying.compare-then-security-paper"}),
    "silent-trial": frozenset({"trial.silent-to-day-11"}),
    "contract-unanswered": frozenset({"contract.legal-reply-2bh", "contract.legal-reply-2h"}),
    "second-inquiry": frozenset({"quote.second-legal-inquiry"}),
    "slow-service": frozenset({"service.first-reply-4h"}),
}
"""The rules of the demo that must say so when a plot plays its signal."""
BY_EVENT = ("match", "stop")  # steps of an alert that an event caused; others are the clock's


class RuleSeen(msgspec.Struct):
    id: str


class EvidenceSeen(msgspec.Struct):
    id: str
    offset: int


class AlertSeen(msgspec.Struct):
    """What is counted of an alert on its topic."""

    alert_id: str
    account: str
    kind: str
    rule: RuleSeen
    state: str
    step: str
    evidence: Sequence[EvidenceSeen] = ()

    @property
    def cause(self) -> str | None:
        """Id of the event that caused it: the newest of its evidence; None: the clock did."""
        if self.step not in BY_EVENT or not self.evidence:
            return None
        return max(self.evidence, key=lambda evidence: evidence.offset).id


class Latency(NamedTuple):
    """Milliseconds, over so many alerts."""

    p50_ms: int
    p99_ms: int
    alerts: int


class Planted(NamedTuple):
    """signals, found: planted firings, and those that came. misses, false: near misses that must
    stay silent, and those that did not."""

    signals: int
    found: int
    misses: int
    false: int

    @property
    def is_right(self) -> bool:
        return self.found == self.signals and not self.false


class Tally:
    """alerts: by (kind, rule, state). repeated: alerts whose id was there before.

    dead_letters: by reason. sent_s: how long the sending took.
    """

    def __init__(self) -> None:
        self.alerts: Counter[tuple[str, str, str]] = Counter()
        self.repeated = 0
        self.dead_letters: Counter[str] = Counter()
        self.sent_s = 0.0
        self._ids: set[str] = set()
        self._fired: set[tuple[str, str]] = set()
        self._appended: dict[str, int] = {}
        self._read: list[tuple[str, int]] = []

    def add_sent(self, event: str, append_ms: int) -> None:
        """The broker took an event, by its id, into the raw topic."""
        self._appended[event] = append_ms

    def add_alert(self, alert: AlertSeen, read_ms: int) -> None:
        """A read_committed reader got it at this wall time."""
        if alert.alert_id in self._ids:
            self.repeated += 1
            return
        self._ids.add(alert.alert_id)
        self.alerts[alert.kind, alert.rule.id, alert.state] += 1
        if alert.state == "firing":
            self._fired.add((alert.account, alert.rule.id))
        if alert.cause is not None:
            self._read.append((alert.cause, read_ms))

    def latency(self) -> Latency | None:
        """From append to the raw topic to the read, of alerts that an event caused."""
        taken = sorted(at - self._appended[id] for id, at in self._read if id in self._appended)
        if not taken:
            return None
        return Latency(percentile(taken, 0.5), percentile(taken, 0.99), len(taken))

    def planted(self, cast: Mapping[str, Plot]) -> Planted:
        """Compare with what the simulator played."""
        played = [(a, plot.signal, plot.fires) for a, plot in cast.items() if plot.signal]
        signals = {(a, rule) for a, signal, fires in played if fires for rule in RULES[signal]}
        ours = {(a, rule) for a, _, _ in played for rule in _all_rules()}
        misses = [(a, rule) for a, signal, fires in played if not fires for rule in RULES[signal]]
        false = len((self._fired & ours) - signals)
        return Planted(len(signals), len(signals & self._fired), len(misses), false)


def percentile(values: Sequence[int], share: float) -> int:
    """The smallest of the sorted values that `share` of them do not exceed (nearest rank).

    >>> percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 0.99)
    (2, 4)
    """
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _all_rules() -> Iterable[str]:
    return frozenset().union(*RULES.values())
