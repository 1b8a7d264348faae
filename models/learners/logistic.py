"""Logistic regression that learns a matured case as one averaged step, and replays earlier rows.

The champion of every task. Row by row, as libraries do it, up to 40 rows of a case share a label
and drag the weights: near chance on real logs (docs/scores.md). Here a case is one AdaGrad step
(Duchi, Hazan, Singer, JMLR 12, 2011) along the mean gradient of its rows, followed by one along
that of rows drawn from a buffer of the newest. Values are standardised by running moments (Chan,
Golub, LeVeque, The American Statistician 37, 1983) and clipped; what is not known counts as the
mean. The odds begin at those of the labels so far: where one label is rare, as breaches are, small
steps would take thousands of cases to get there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import BadInput
from models.learners.arrays import Packed, pack, parse, unpack
from models.learners.base import Example, Matrix, Probabilities, Row, Schema, as_matrix
from models.learners.reasons import largest
from models.learners.row_buffer import RowBuffer

VERSION = 1
LOG_ODDS_MAX = 30.0
SQUARES = 1e-8  # before the first step, so that nothing is divided by zero

Floats = NDArray[np.float64]


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """rate: of AdaGrad. l2: draws the weights to 0. clip: standard deviations that a value counts
    at most. replayed: rows drawn for each case. buffer_rows: kept for that, the newest.
    """

    rate: float = 0.02
    l2: float = 1e-4
    clip: float = 2.5
    replayed: int = 100
    buffer_rows: int = 20_000
    seed: int = 7


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    names: tuple[str, ...]
    words: tuple[str, ...]
    settings: Settings
    learned: int
    positives: int
    seen: Packed
    mean: Packed
    spread: Packed
    weights: Packed
    squares: Packed
    pushed: int
    rows: Packed
    labels: Packed


class Logistic:
    """Memory: 4 bytes a value of the buffer, 80 MB for 1,000 features, and little else.

    >>> learner = Logistic(Schema(("risk",), ()))
    >>> for i in range(200):
    ...     row = Row(np.full(1, i % 2, np.float32), (), "task", str(i), 0)
    ...     learner.learn_case(Example(str(i), (row,), i % 2, 0))
    >>> low, high = (Row(np.full(1, x, np.float32), (), "task", "new", 0) for x in (0, 1))
    >>> learner.predict_many([low, high]).round(1).tolist(), learner.reasons(high, 1)[0][0]
    ([0.3, 0.7], 'risk')
    """

    def __init__(self, schema: Schema, settings: Settings = Settings()) -> None:  # noqa: B008 - frozen
        self.schema = schema
        self.settings = settings
        self.learned = 0
        self.positives = 0
        width = len(schema.names)
        self._seen = np.zeros(width)
        self._mean = np.zeros(width)
        self._spread = np.zeros(width)
        self._scale = np.zeros(width)
        self._weights = np.zeros(width + 1)
        self._squares = np.full(width + 1, SQUARES)
        self._buffer = RowBuffer(width, settings.buffer_rows)

    @property
    def schema_hash(self) -> str:
        return self.schema.hash

    @property
    def rows_kept(self) -> int:
        return self.settings.buffer_rows if self.settings.replayed else 0

    def predict_many(self, rows: Sequence[Row]) -> Probabilities:
        weights = self._weights
        return _sigmoid(self._standard(as_matrix(rows)) @ weights[:-1] + weights[-1] + self._base())

    def learn_case(self, example: Example) -> None:
        values, label = as_matrix(example.rows), example.label
        self.learned += 1
        self.positives += label
        self._observe(values)
        self._step(values, np.full(len(values), float(label)))
        if self.settings.replayed:
            self._buffer.push(values, label)
            self._step(*self._buffer.draw(self.settings.replayed, self.settings.seed, self.learned))

    def reasons(self, row: Row, count: int) -> list[tuple[str, float]]:
        added = self._standard(row.values[np.newaxis])[0] * self._weights[:-1]
        return largest(self.schema.names, added, count)

    def dump(self, *, bare: bool = False) -> bytes:
        pushed, rows, labels = self._buffer.bare() if bare else self._buffer.state()
        seen, mean, spread, weights, squares = (pack(array, "<f8") for array in self._arrays())
        state = _State(
            VERSION, self.schema.names, self.schema.words, self.settings, self.learned,
            self.positives, seen, mean, spread, weights, squares,
            pushed, pack(rows, "<f4"), pack(labels, "|u1"),
        )  # fmt: skip
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(cls, state: bytes) -> Self:
        found = parse(state, _State, "logistic")
        if found.version != VERSION or not 0 <= found.positives <= found.learned:
            raise BadInput("bad_model_state", f"logistic of version {found.version}: not known")
        learner = cls(Schema(found.names, found.words), found.settings)
        learner.learned, learner.positives = found.learned, found.positives
        parts = (found.seen, found.mean, found.spread, found.weights, found.squares)
        for array, packed in zip(learner._arrays(), parts, strict=True):
            read = unpack(packed, "<f8", axes=1)
            if read.shape != array.shape or not np.isfinite(read).all():
                raise BadInput("bad_model_state", "logistic: an array does not fit the features")
            array[:] = read
        learner._rescale()
        rows, labels = unpack(found.rows, "<f4", axes=2), unpack(found.labels, "|u1", axes=1)
        learner._buffer.restore(found.pushed, rows, labels)
        return learner

    def refill(self, examples: Iterable[Example]) -> None:
        if self.settings.replayed:
            self._buffer.refill([(as_matrix(each.rows), each.label) for each in examples])

    def memory_bytes(self) -> int:
        return self._buffer.memory_bytes() + sum(a.nbytes for a in (*self._arrays(), self._scale))

    def _arrays(self) -> tuple[Floats, ...]:
        return self._seen, self._mean, self._spread, self._weights, self._squares

    def _observe(self, values: Matrix) -> None:
        """The moments take up rows, value by value where one is known."""
        known = ~np.isnan(values)
        count = known.sum(axis=0)
        total = np.maximum(self._seen + count, 1)
        mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        away = np.where(count, mean - self._mean, 0.0)
        within = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0)
        self._spread += within + away * away * self._seen * count / total
        self._mean += away * count / total
        self._seen += count
        self._rescale()

    def _rescale(self) -> None:
        deviation = np.sqrt(self._spread / np.maximum(self._seen, 1))
        self._scale = np.divide(
            1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-9
        )

    def _standard(self, values: Matrix) -> Floats:
        standard: Floats = (values - self._mean) * self._scale
        standard[np.isnan(standard)] = 0.0
        clip = self.settings.clip
        return np.clip(standard, -clip, clip, out=standard)

    def _step(self, values: Matrix, labels: Floats) -> None:
        """One step along the mean gradient."""
        standard, weights = self._standard(values), self._weights
        error = _sigmoid(standard @ weights[:-1] + weights[-1] + self._base()) - labels
        gradient = np.append(error @ standard, error.sum()) / len(labels)
        gradient[:-1] += self.settings.l2 * weights[:-1]
        self._squares += gradient * gradient
        weights -= self.settings.rate * gradient / np.sqrt(self._squares)

    def _base(self) -> float:
        """The log odds of label 1 among all cases learnt, drawn to 0 as by one case of each."""
        return log((self.positives + 1) / (self.learned - self.positives + 1))


def _sigmoid(odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(odds, -LOG_ODDS_MAX, LOG_ODDS_MAX)))
