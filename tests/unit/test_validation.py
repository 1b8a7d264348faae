"""Progressive validation: the figures are those of scikit-learn, over matured labels alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from models.errors import BadInput
from models.learners.validation import LENGTHS_MAX, Validation

said = st.one_of(st.none(), st.floats(0.01, 0.99))
cases = st.lists(st.tuples(st.integers(0, 1), st.lists(said, max_size=4)), max_size=12)


def judged(history: list[tuple[int, list[float | None]]], cases_max: int = 1000) -> Validation:
    validation = Validation(cases_max)
    for label, scores in history:
        validation.mature(label, scores)
    return validation


@given(cases)
def test_the_figures_are_those_of_scikit_learn(
    history: list[tuple[int, list[float | None]]],
) -> None:
    flat = [(label, p) for label, scores in history for p in scores if p is not None]
    labels, scores = [label for label, _ in flat], [p for _, p in flat]

    figures = judged(history).figures()

    assert figures.rows == len(flat)
    if not flat:
        assert figures.log_loss is None
        return
    assert figures.log_loss == pytest.approx(log_loss(labels, scores, labels=[0, 1]))
    assert figures.brier == pytest.approx(brier_score_loss(labels, scores))
    if len(set(labels)) == 2:
        assert figures.auc == pytest.approx(roc_auc_score(labels, scores))
    else:
        assert figures.auc is None


@given(cases)
def test_prefix_lengths_count_rows_that_had_no_score(
    history: list[tuple[int, list[float | None]]],
) -> None:
    found = judged(history).by_length()

    for length in range(1, 5):
        own = [
            (label, scores[length - 1])
            for label, scores in history
            if len(scores) >= length and scores[length - 1] is not None
        ]
        assert (found[length].rows if length in found else 0) == len(own)
        if own and len({label for label, _ in own}) == 2:
            assert found[length].auc == pytest.approx(roc_auc_score(*zip(*own, strict=True)))


def test_only_the_last_cases_count() -> None:
    validation = judged([(1, [0.0])] * 50 + [(1, [0.9]), (0, [0.1])], cases_max=2)

    assert validation.figures().auc == 1
    assert validation.figures().cases == 2
    assert validation.matured == 52


def test_censored_cases_say_nothing_about_the_scores() -> None:
    validation = judged([(1, [0.9]), (0, [0.1])])
    before = validation.figures()

    validation.censor()

    assert validation.figures() == before
    assert validation.censored == 1


def test_very_long_cases_share_the_last_length() -> None:
    validation = judged([(1, [0.5] * (LENGTHS_MAX + 5))])

    assert max(validation.by_length()) == LENGTHS_MAX
    assert validation.by_length()[LENGTHS_MAX].rows == 6


def test_well_calibrated_scores_have_little_error_and_overconfident_ones_much() -> None:
    chance = np.random.default_rng(1)
    rates = chance.random(4000)
    labels = (chance.random(4000) < rates).astype(int)
    honest = judged([(int(y), [float(p)]) for y, p in zip(labels, rates, strict=True)], 4000)
    boast = judged([(int(y), [float(p > 0.5)]) for y, p in zip(labels, rates, strict=True)], 4000)

    assert honest.figures().calibration_error == pytest.approx(0, abs=0.04)
    assert boast.figures().calibration_error == pytest.approx(0.25, abs=0.04)


@given(cases, cases)
def test_after_a_restart_all_goes_on_as_if_there_were_none(
    before: list[tuple[int, list[float | None]]], after: list[tuple[int, list[float | None]]]
) -> None:
    never = judged(before, cases_max=5)
    again = Validation.load(never.dump())
    for each in after:
        never.mature(*each)
        again.mature(*each)

    assert never.figures() == again.figures()
    assert never.dump() == again.dump()


def test_a_state_that_does_not_fit_is_refused() -> None:
    for broken in (b"", b"\x90", Validation().dump()[:-1]):
        with pytest.raises(BadInput, match="bad_model_state"):
            Validation.load(broken)
