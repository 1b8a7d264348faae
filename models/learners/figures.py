"""How good probabilities were, once the labels are known: the figures of every report and metric.

Behind the replay and the validation. Arrays in, numbers out; None where a figure is not defined.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 10
CERTAIN = 1e-9  # a probability nearer to 0 or 1 counts as this near, in the log loss

Labels = NDArray[np.integer]
Floats = NDArray[np.float64]


class Bin(NamedTuple):
    """Rows of which about the same was said. said: their mean. came: their share of label 1."""

    said: float
    came: float
    rows: int


def auc(labels: Labels, said: Floats) -> float | None:
    """Area under the ROC curve: how often a row of label 1 stands above one of label 0, ties half.

    None with labels of one kind alone (Mann, Whitney, 1947).

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    ones = int(labels.sum())
    zeros = len(labels) - ones
    if not ones or not zeros:
        return None
    _, place, counts = np.unique(said, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    above = ranks[place][labels == 1].sum() - ones * (ones + 1) / 2
    return float(above / (ones * zeros))


def auc_by_length(labels: Labels, said: Floats, lengths: Labels) -> float | None:
    """The mean of the areas of each prefix length, weighted by its rows; lengths with labels of one
    kind alone are left out (Teinemaa et al., TKDD 13(2), 2019).

    >>> auc_by_length(np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.9, 0.3, 0.95]),
    ...               np.array([1, 1, 2, 2, 2]))
    0.7
    """
    whole, rows = 0.0, 0
    for length in np.unique(lengths):
        at = lengths == length
        if (area := auc(labels[at], said[at])) is not None:
            whole += area * int(at.sum())
            rows += int(at.sum())
    return whole / rows if rows else None


def log_loss(labels: Labels, said: Floats) -> float | None:
    """The mean surprise, in nats.

    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    if not len(labels):
        return None
    inside = np.clip(said, CERTAIN, 1 - CERTAIN)
    return float(-np.log(np.where(labels == 1, inside, 1 - inside)).mean())


def brier(labels: Labels, said: Floats) -> float | None:
    """The mean squared error (Brier, 1950).

    >>> brier(np.array([1, 0]), np.array([0.5, 0.5]))
    0.25
    """
    return float(((labels - said) ** 2).mean()) if len(labels) else None


def calibration(labels: Labels, said: Floats) -> list[Bin]:
    """Ten bins of equal width, those with rows.

    >>> calibration(np.array([0, 1]), np.array([0.31, 0.33]))
    [Bin(said=0.32, came=0.5, rows=2)]
    """
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    return [
        Bin(float(said[at].mean()), float(labels[at].mean()), int(at.sum()))
        for at in (place == bin for bin in range(BINS))
        if at.any()
    ]


def calibration_error(bins: list[Bin]) -> float | None:
    """The expected calibration error (Naeini et al., AAAI 2015).

    >>> round(calibration_error([Bin(0.32, 0.5, 2), Bin(0.9, 0.9, 2)]), 2)
    0.09
    """
    rows = sum(bin.rows for bin in bins)
    return sum(abs(bin.said - bin.came) * bin.rows for bin in bins) / rows if rows else None
