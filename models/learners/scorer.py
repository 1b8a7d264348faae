"""What scores the rows of one task in one partition: the champion, a shadow beside it, a rank.

On the follow side, behind the features. Models come and go as the log says; until there is one, or
while it has learned from too few cases, a score is withheld with the reason.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from models.learners.base import Row, Schema
from models.learners.encoder import Encoder
from models.learners.kept import Said
from models.learners.snapshot import Model
from models.task import Minimum

RECENT_MAX = 1_000  # scores among which a new one has its rank
RECENT_MIN = 100  # below, there is none


class Loaded(NamedTuple):
    """A model that was checked and read. learner: its name in the registry."""

    learner: str
    version: int
    model: Model

    @property
    def name(self) -> str:
        return f"{self.learner}@{self.version}"


class Opinion(NamedTuple):
    """row: encoded. value: a probability; None: withheld, and `why` says so. said: by all."""

    row: Row
    value: float | None
    why: str | None
    said: tuple[Said, ...]


class Recent:
    """The last values and the rank of a new one among them.

    >>> recent = Recent(range(100))
    >>> recent.rank(74.5), recent.rank(1000)
    (75.0, 100.0)
    """

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.values: deque[float] = deque(values, RECENT_MAX)
        self._sorted = sorted(self.values)

    def rank(self, value: float) -> float | None:
        """Percent of them that are below, equal ones half; None while they are too few."""
        if len(self._sorted) < RECENT_MIN:
            return None
        below = bisect_left(self._sorted, value) + bisect_right(self._sorted, value)
        return 50.0 * below / len(self._sorted)

    def add(self, value: float) -> None:
        if len(self.values) == RECENT_MAX:
            del self._sorted[bisect_left(self._sorted, self.values[0])]
        self.values.append(value)
        insort(self._sorted, value)


class Scorer:
    """champion, shadow: None while there is none."""

    def __init__(self, raw: Schema, minimum: Minimum) -> None:
        self.champion: Loaded | None = None
        self.shadow: Loaded | None = None
        self.recent = Recent()
        self._minimum = minimum
        self._none = Encoder(raw)  # no label is known: all encodings are neutral
        self.schema = self._none.schema

    def score(self, row: Row) -> Opinion:
        """Of a raw row. Both models see the same encoded row: the champion's."""
        champion = self.champion
        encoded = (champion.model.encoder if champion else self._none).encode(row)
        why = self._too_few(champion)
        if champion is None or why:
            return Opinion(encoded, None, why, ())
        value = _ask(champion, encoded)
        said = [Said(champion.name, value)]
        if self.shadow is not None:
            said.append(Said(self.shadow.name, _ask(self.shadow, encoded), shadow=True))
        return Opinion(encoded, value, None, tuple(said))

    def _too_few(self, champion: Loaded | None) -> str | None:
        if champion is None:
            return "no model has been published yet"
        cases, positives = champion.model.encoder.learned, champion.model.encoder.positives
        least = self._minimum
        found = (
            (cases, least.cases, "cases"),
            (positives, least.positives, "positive cases"),
            (cases - positives, least.negatives, "negative cases"),
        )
        few = next((each for each in found if each[0] < each[1]), None)
        return few and f"learned from {few[0]} {few[2]}, the task asks for {few[1]}"


def _ask(loaded: Loaded, row: Row) -> float:
    return float(loaded.model.learner.predict_many([row])[0])
