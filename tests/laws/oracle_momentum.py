"""The oracle's momentum of an account: every hour is looked at, one after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.laws.oracle_composite import Hit
from tests.laws.oracle_reading import Rule
from tests.laws.oracle_time import wall_ms

HOUR_MS = 3_600_000


class Scored(NamedTuple):
    """record: its number in the log. at: ms."""

    record: int
    account: str
    at: int
    value: float
    stages: Mapping[str, float]


class Momentum:
    """What is known of an account up to here."""

    def __init__(self, rules: Mapping[str, Rule], step: float) -> None:
        self.rules = rules
        self.step = step
        self.hits: dict[Any, Hit] = {}
        self.said: dict[str, float] = {}
        self.looked = 0
        self.coming: int | None = None

    def hear(self, hits: list[Hit], clock: int) -> tuple[int, dict[str, float]] | None:
        for hit in hits:
            self.hits.pop(hit.alert, None)
            if hit.state == "firing":
                self.hits[hit.alert] = hit
        return self.look(max(self.looked, clock, *(hit.at for hit in hits)))

    def due(self) -> int | None:
        return self.coming

    def look(self, now: int) -> tuple[int, dict[str, float]] | None:
        """What is published at this instant, if anything; and when to look again."""
        self.looked = now
        figures = self.figures(now)
        moved = self.has_moved(figures)
        if moved:
            self.said = figures
        self.coming = None
        hour = now // HOUR_MS
        for later in range(hour + 1, hour + 800):  # longer than any log
            if self.has_moved(self.figures(later * HOUR_MS)):
                self.coming = later * HOUR_MS
                break
        return (now, figures) if moved else None

    def figures(self, now: int) -> dict[str, float]:
        """By stage; the value itself under ""."""
        parts: dict[str, list[float]] = {"": []}
        for hit in self.hits.values():
            weight = self.rules[hit.rule]["weight"]
            share = 1.0
            if "half_life" in weight:
                if now - hit.at >= 64 * wall_ms(weight["half_life"]):
                    continue
                share = 2.0 ** (-max(0, now - hit.at) / wall_ms(weight["half_life"]))
            parts[""].append(weight["value"] * share)
            if "stage_equivalence" in weight:
                stage = weight["stage_equivalence"]
                parts.setdefault(stage["stage"], []).append(stage["ratio"] * share)
        return {name: math.fsum(own) for name, own in parts.items()}

    def has_moved(self, figures: Mapping[str, float]) -> bool:
        names = {*figures, *self.said}
        return any(abs(figures.get(n, 0) - self.said.get(n, 0)) > self.step for n in names)
