"""An instance's past as `change` rules see it: figures of the window and of those before it.

docs/semantics.md, "change". Pure: the same samples and instant give the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import copysign, fsum, inf, sqrt
from typing import NamedTuple

from models.case import Sample
from rules.grammar_signals import ChangeRule
from rules.measure import Measure, parse_measure
from rules.threshold import compile_threshold

GRAINS = 32  # of a window: its events count at the beginning of their grain


class Present(NamedTuple):
    """events: in the window. now: its figure. past: the figures of the baseline's windows."""

    events: int
    now: float
    past: list[float]


class Past:
    """Looks at samples. window, grain: ms; windows: of the baseline."""

    def __init__(self, form: ChangeRule) -> None:
        self.measure: Measure = parse_measure(form.of)
        self.window = form.window.amount
        self.windows = form.baseline.amount // self.window
        self.grain = self.window // GRAINS
        self.min_count = form.min_count
        when = form.when
        self.ratio = compile_threshold(when.ratio) if when and when.ratio else None
        self.z = compile_threshold(when.z) if when and when.z else None

    @property
    def reach(self) -> int:
        """How old (ms) a sample is when it counts no more."""
        return self.window * (self.windows + 1)

    def holds(self, samples: Sequence[Sample], since: int, at: int) -> bool:
        """Whether the rule's condition is so at `at` (ms); not when there is no past to compare."""
        seen = self._look(samples, since, at)
        if seen is None or seen.events < self.min_count:
            return False
        mean = fsum(seen.past) / len(seen.past)
        if self.ratio is None and self.z is None:
            return seen.now * mean < 0  # direction: turn
        asked: list[tuple[Callable[[float], bool] | None, Callable[..., float | None]]] = [
            (self.ratio, ratio),
            (self.z, z_score),
        ]
        for meets, of in asked:
            value = of(seen.now, seen.past, mean) if meets else None
            if meets and (value is None or not meets(value)):
                return False
        return True

    def next_look(self, samples: Sequence[Sample], since: int, at: int) -> int:
        """The next instant (ms) at which a sample passes from window to window."""
        edges = [*(sample.at for sample in samples), since]
        return at + min(
            self.window - (at - edge) % self.window for edge in edges if at - edge < self.reach
        )

    def _look(self, samples: Sequence[Sample], since: int, at: int) -> Present | None:
        sums = [[0, 0.0, 0] for _ in range(self.windows + 1)]
        for sample in samples:
            place = (at - sample.at) // self.window
            if place <= self.windows:
                own = sums[place]
                own[0] += sample.events
                own[1] += sample.total
                own[2] += sample.size
        figures = [self.measure.figure(int(n), total, int(size)) for n, total, size in sums]
        covered = min(self.windows, (at - since) // self.window - 1)
        past = [figure for figure in figures[1 : covered + 1] if figure is not None]
        if figures[0] is None or not past:
            return None
        return Present(int(sums[0][0]), figures[0], past)


def ratio(now: float, past: Sequence[float], mean: float) -> float | None:
    """None: nothing against nothing.

    >>> ratio(6.0, [2.0, 4.0], 3.0), ratio(1.0, [0.0], 0.0), ratio(0.0, [0.0], 0.0)
    (2.0, inf, None)
    """
    if mean:
        return now / mean
    return copysign(inf, now) if now else None


def z_score(now: float, past: Sequence[float], mean: float) -> float | None:
    """In sample standard deviations (ddof 1); None with fewer than two windows.

    >>> z_score(9.0, [2.0, 4.0, 3.0], 3.0), z_score(4.0, [3.0, 3.0], 3.0), z_score(4.0, [3.0], 3.0)
    (6.0, inf, None)
    """
    if len(past) < 2:
        return None
    spread = sqrt(fsum((figure - mean) ** 2 for figure in past) / (len(past) - 1))
    if spread:
        return (now - mean) / spread
    return copysign(inf, now - mean) if now != mean else 0.0
