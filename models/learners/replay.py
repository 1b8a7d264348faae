"""A model over a log that lies behind us: scores and learns in the order in which it was known.

Under the report, the benchmark on real logs, and every comparison of learners. Prequential: each
row is scored by what had matured before it, the case is judged by those scores, and only then
learned (Dawid, JRSS A 147(2), 1984; Gama et al., Machine Learning 90, 2013).
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from models.learners import registry
from models.learners.base import Example, Row, Schema
from models.learners.boosting import refit
from models.learners.challenger import Refitted
from models.learners.drift import Drift, DriftWatch
from models.learners.encoder import Encoder
from models.task import Minimum, Task

SAMPLE = 200


class Verdict(NamedTuple):
    """A case whose label is known, and what had been said of it.

    since, at: when it started and when the label was known, ms. said: at each of its rows in order
    the probability of label 1, None where there were too few data to say one.
    """

    case: str
    since: int
    at: int
    label: int
    said: tuple[float | None, ...]


class _Open(msgspec.Struct):
    since: int
    rows: list[Row] = []
    said: list[float | None] = []


class Replay:
    """One task from its first event on. Calls come in the order of time.

    verdicts, drifts: as they came. censored: cases that ended without a label. unscored: with a
    label, but never scored. sample: a row of each of the newest cases, to ask for reasons.
    """

    def __init__(self, task: Task, raw: Schema) -> None:
        self.task = task
        self.encoder = Encoder(raw)
        self.learner = registry.make(task.learner, self.encoder.schema)
        self.watch = DriftWatch(self.encoder.schema)
        self.verdicts: list[Verdict] = []
        self.drifts: list[Drift] = []
        self.censored = self.unscored = 0
        self.sample: deque[Row] = deque(maxlen=SAMPLE)
        self._labels = [0, 0]
        self._open: dict[str, _Open] = {}

    @property
    def pending(self) -> int:
        """Scored cases whose label is not known yet."""
        return len(self._open)

    def score(self, row: Row, since: int) -> float | None:
        """What is said of a case at a raw row of it; since: when the case started, ms."""
        encoded = self.encoder.encode(row)
        said = None
        if enough(self._labels, self.task.minimum):
            said = float(self.learner.predict_many([encoded])[0])
        case = self._open.get(row.case) or self._open.setdefault(row.case, _Open(since))
        case.rows.append(encoded)
        case.said.append(said)
        return said

    def mature(self, case: str, label: int, at: int) -> None:
        """The label of a case becomes known: it is judged, then learned."""
        ended = self._open.pop(case, None)
        if ended is None:
            self.unscored += 1
            return
        self.verdicts.append(Verdict(case, ended.since, at, label, tuple(ended.said)))
        if spoken := [said for said in ended.said if said is not None]:
            error = abs(label - sum(spoken) / len(spoken))
            self.drifts += self.watch.advance(error, ended.rows[-1].values, at)
        self.sample.append(ended.rows[-1])
        self._learn(Example(case, tuple(ended.rows), label, at))

    def censor(self, case: str) -> None:
        """A case ends without a label. Nothing is learned: what was not seen is not a no."""
        self._open.pop(case, None)
        self.censored += 1

    def _learn(self, example: Example) -> None:
        self._labels[example.label] += 1
        self.learner.learn_case(example)
        self.encoder.learn_case(example)
        if isinstance(self.learner, Refitted):
            refit(self.learner)


def enough(labels: list[int], minimum: Minimum) -> bool:
    """labels: how many cases of label 0 and of label 1 were learned.

    >>> enough([90, 10], Minimum(cases=100, positives=10, negatives=10))
    True
    """
    negatives, positives = labels
    return (
        negatives + positives >= minimum.cases
        and positives >= minimum.positives
        and negatives >= minimum.negatives
    )
