"""The figures are those that scikit-learn and a count by hand give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from models.learners.figures import (
    auc,
    auc_by_length,
    brier,
    calibration,
    calibration_error,
    log_loss,
)

told = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([n / 20 for n in range(21)]), st.integers(1, 4)),
    min_size=1,
    max_size=60,
)


@given(told)
def test_they_are_what_others_say(rows: list[tuple[int, float, int]]) -> None:
    labels, said, _ = (np.array(column) for column in zip(*rows, strict=True))
    assert brier(labels, said) == pytest.approx(brier_score_loss(labels, said, labels=[0, 1]))
    inside = np.clip(said, 1e-9, 1 - 1e-9)
    expected = sklearn_log_loss(labels, inside, labels=[0, 1])
    assert log_loss(labels, said) == pytest.approx(expected)
    if len(set(labels.tolist())) == 2:
        assert auc(labels, said) == pytest.approx(roc_auc_score(labels, said))
    else:
        assert auc(labels, said) is None


@given(told)
def test_the_area_by_length_is_the_mean_over_the_lengths(
    rows: list[tuple[int, float, int]],
) -> None:
    """By hand: every pair of a one and a zero of the same length, weighted as the length is."""
    labels, said, lengths = (np.array(column) for column in zip(*rows, strict=True))
    areas, weights = [], []
    for length in range(1, 5):
        own = [(label, value) for label, value, of in rows if of == length]
        pairs = [(a > b) + (a == b) / 2 for x, a in own if x for y, b in own if not y]
        if pairs:
            areas.append(float(np.mean(pairs)))
            weights.append(len(own))
    expected = np.average(areas, weights=weights) if areas else None
    assert auc_by_length(labels, said, lengths) == (
        None if expected is None else pytest.approx(expected)
    )


@given(told)
def test_calibration_counts_every_row_once(rows: list[tuple[int, float, int]]) -> None:
    labels, said, _ = (np.array(column) for column in zip(*rows, strict=True))
    bins = calibration(labels, said)
    assert sum(bin.rows for bin in bins) == len(rows)
    assert sum(bin.came * bin.rows for bin in bins) == pytest.approx(labels.sum())
    by_hand = sum(
        abs(sum(value - label for label, value, _ in rows if min(int(value * 10), 9) == bin))
        for bin in range(10)
    )
    assert calibration_error(bins) == pytest.approx(by_hand / len(rows))


def test_of_nothing_there_is_no_figure() -> None:
    none, numbers = np.empty(0, int), np.empty(0)
    assert auc(none, numbers) is None
    assert auc_by_length(none, numbers, none) is None
    assert log_loss(none, numbers) is None
    assert brier(none, numbers) is None
    assert calibration_error(calibration(none, numbers)) is None
