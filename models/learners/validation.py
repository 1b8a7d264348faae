"""How good the scores of a task have been: progressive, over a window, matured labels only.

Beside the learner, behind /metrics: what was said of a case when it was scored is judged once its
label is known, before anything is learned from it (prequential; Dawid, JRSS A 147(2), 1984).
Cases still open, and cases past their horizon, count nowhere but in `pending` and `censored`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Self

import msgspec
import numpy as np

from models.errors import BadInput
from models.learners.arrays import parse
from models.learners.figures import (
    Floats,
    Labels,
    auc,
    auc_by_length,
    brier,
    calibration,
    calibration_error,
    log_loss,
)

VERSION = 1
LENGTHS_MAX = 40  # prefixes that are longer count as this long


class Judged(msgspec.Struct, array_like=True, frozen=True):
    """A matured case. said: what was said at each of its rows that had a score, in order.

    lengths: for each of them which row of the case it was, from 1.
    """

    label: int
    said: tuple[float, ...]
    lengths: tuple[int, ...]


class Figures(NamedTuple):
    """None where a figure is not defined: no rows, or labels of one kind alone."""

    cases: int
    rows: int
    base_rate: float | None
    auc: float | None
    auc_by_length: float | None
    log_loss: float | None
    brier: float | None
    calibration_error: float | None


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    cases_max: int
    matured: int
    censored: int
    window: list[Judged]


class Validation:
    """The last `cases_max` matured cases. matured, censored: since the beginning.

    >>> validation = Validation()
    >>> validation.mature(1, [0.2, 0.9]); validation.mature(0, [0.4, None])
    >>> validation.figures().auc, validation.by_length()[2].rows
    (0.5, 1)
    """

    def __init__(self, cases_max: int = 1000) -> None:
        self.cases_max = cases_max
        self.matured = 0
        self.censored = 0
        self._window: deque[Judged] = deque(maxlen=cases_max)

    def mature(self, label: int, said: Sequence[float | None]) -> None:
        """A label is known. said: at each row of the case, None where there was no score."""
        scored = [(p, i) for i, p in enumerate(said, 1) if p is not None]
        self.matured += 1
        if scored:
            values, lengths = zip(*scored, strict=True)
            self._window.append(Judged(label, values, lengths))

    def censor(self) -> None:
        """A case ended without a label; nothing can be said of its scores."""
        self.censored += 1

    def figures(self) -> Figures:
        """Over all rows of the window."""
        return _figures(*self._rows())

    def by_length(self) -> dict[int, Figures]:
        """The same for each prefix length."""
        labels, said, lengths, _ = self._rows()
        found = {}
        for length in np.unique(lengths):
            at = lengths == length
            found[int(length)] = _figures(labels[at], said[at], lengths[at], int(at.sum()))
        return found

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(
            _State(VERSION, self.cases_max, self.matured, self.censored, list(self._window))
        )

    @classmethod
    def load(cls, state: bytes) -> Self:
        """Raises BadInput for what is no dump of this version."""
        found = parse(state, _State, "validation")
        if found.version != VERSION or len(found.window) > found.cases_max:
            raise BadInput("bad_model_state", f"validation of version {found.version}: not known")
        validation = cls(found.cases_max)
        validation.matured, validation.censored = found.matured, found.censored
        validation._window.extend(found.window)
        return validation

    def _rows(self) -> tuple[Labels, Floats, Labels, int]:
        """(labels, what was said, prefix lengths) of every row, and how many cases there are."""
        window = self._window
        labels = np.repeat([case.label for case in window], [len(case.said) for case in window])
        said = np.array([p for case in window for p in case.said], np.float64)
        lengths = np.array([n for case in window for n in case.lengths], np.int64)
        return labels.astype(np.int64), said, np.minimum(lengths, LENGTHS_MAX), len(window)


def _figures(labels: Labels, said: Floats, lengths: Labels, cases: int) -> Figures:
    return Figures(
        cases,
        len(labels),
        float(labels.mean()) if len(labels) else None,
        auc(labels, said),
        auc_by_length(labels, said, lengths),
        log_loss(labels, said),
        brier(labels, said),
        calibration_error(calibration(labels, said)),
    )
