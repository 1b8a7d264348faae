"""The newest rows that a learner has learned from, to be drawn from again.

Inside the logistic learner. What is drawn is a function of the seed and the step alone, so there is
no state of a generator to keep: a learner that was loaded draws what the other would have drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import BadInput
from models.learners.base import Matrix

ROWS_AT_FIRST = 256
_MULTIPLIERS = tuple(
    np.uint64(m) for m in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


class RowBuffer:
    """First in, first out, at most rows_max rows of `width` values; it grows by doubling.

    >>> buffer = RowBuffer(width=1, rows_max=2)
    >>> for value in (1, 2, 3): buffer.push(np.full((1, 1), value, np.float32), label=value % 2)
    >>> rows, labels = buffer.draw(8, seed=0, step=0)
    >>> sorted(set(zip(rows[:, 0].tolist(), labels.tolist())))
    [(2.0, 0.0), (3.0, 1.0)]
    """

    def __init__(self, width: int, rows_max: int) -> None:
        self._rows_max = rows_max
        self._pushed = 0
        self._rows: Matrix = np.zeros((0, width), np.float32)
        self._labels = np.zeros(0, np.uint8)

    def __len__(self) -> int:
        return min(self._pushed, self._rows_max)

    def bare(self) -> tuple[int, Matrix, NDArray[np.uint8]]:
        """As `state`, without the rows."""
        return self._pushed, self._rows[:0], self._labels[:0]

    def refill(self, cases: Sequence[tuple[Matrix, int]]) -> None:
        """Give the rows back, those of the newest cases, the oldest first.

        Raises BadInput when they are too few.
        """
        pushed, self._pushed = self._pushed, 0
        for rows, label in cases:
            self.push(rows, label)
        if self._pushed < min(pushed, self._rows_max) or self._pushed > pushed:
            raise BadInput("bad_model_state", f"a buffer lacks rows: {self._pushed} of {pushed}")
        turn = (pushed - self._pushed) % self._rows_max  # each lies where it was pushed
        if turn and len(self) == self._rows_max:
            self._rows = np.roll(self._rows, turn, axis=0)
            self._labels = np.roll(self._labels, turn)
        self._pushed = pushed

    def push(self, rows: Matrix, label: int) -> None:
        """Rows with one label, shape (n, width)."""
        assert len(self._rows) >= len(self), "a bare one is refilled first"
        rows = rows[-self._rows_max :]
        self._reserve(min(self._pushed + len(rows), self._rows_max))
        places = np.arange(self._pushed, self._pushed + len(rows)) % self._rows_max
        self._rows[places] = rows
        self._labels[places] = label
        self._pushed += len(rows)

    def draw(self, count: int, seed: int, step: int) -> tuple[Matrix, NDArray[np.float64]]:
        """`count` rows and their labels, evenly and with repeats. There must be rows."""
        places = _mix(seed, step, count) % np.uint64(len(self))
        return self._rows[places], self._labels[places].astype(np.float64)

    def state(self) -> tuple[int, Matrix, NDArray[np.uint8]]:
        """(rows pushed so far, the rows as they lie, their labels); `restore` takes it back."""
        return self._pushed, self._rows[: len(self)], self._labels[: len(self)]

    def restore(self, pushed: int, rows: Matrix, labels: NDArray[np.uint8]) -> None:
        """Raises BadInput when the three do not belong together."""
        expected = min(max(pushed, 0), self._rows_max) if len(rows) else 0  # or bare
        if rows.shape != (expected, self._rows.shape[1]) or labels.shape != (expected,):
            raise BadInput("bad_model_state", f"a buffer of {rows.shape}, {labels.shape}, {pushed}")
        self._pushed, self._rows, self._labels = pushed, rows, labels

    def memory_bytes(self) -> int:
        return self._rows.nbytes + self._labels.nbytes

    def _reserve(self, size: int) -> None:
        have = len(self._rows)
        if size <= have:
            return
        more = min(max(ROWS_AT_FIRST, 2 * have, size), self._rows_max) - have
        self._rows = np.concatenate((self._rows, np.zeros((more, self._rows.shape[1]), np.float32)))
        self._labels = np.concatenate((self._labels, np.zeros(more, np.uint8)))


def _mix(seed: int, step: int, count: int) -> NDArray[np.uint64]:
    """`count` even 64-bit numbers: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) as a counter."""
    golden, first, second = _MULTIPLIERS
    start = np.uint64(((seed << 40) + step * count) % 2**64)
    mixed = (np.arange(count, dtype=np.uint64) + start) * golden
    mixed = (mixed ^ (mixed >> np.uint64(30))) * first
    mixed = (mixed ^ (mixed >> np.uint64(27))) * second
    return mixed ^ (mixed >> np.uint64(31))
