"""The challenger's trees say what scikit-learn's own say, and why; and nothing else is read."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import BadInput
from models.learners.arrays import Packed, pack, unpack
from models.learners.boosting import extract, fit, grow
from models.learners.trees import Trees, without_splits

Rows = NDArray[np.float32]


def drawn(seed: int, n: int = 400, features: int = 6, missing: float = 0.2) -> Rows:
    """Numbers on a coarse grid (so that values meet thresholds), some missing, some infinite."""
    chance = np.random.default_rng(seed)
    rows = (chance.normal(size=(n, features)) * 4).round().astype(np.float32) / 4
    rows[chance.random(rows.shape) < missing] = np.nan
    rows[chance.random(rows.shape) < 0.01] = np.inf
    rows[chance.random(rows.shape) < 0.01] = -np.inf
    return rows


def labels_of(rows: Rows, seed: int) -> NDArray[np.uint8]:
    """Depends on two values, on whether a third is missing, and on chance."""
    known = np.nan_to_num(rows, posinf=3, neginf=-3)
    signal = known[:, 0] * known[:, 1] + np.isnan(rows[:, 2])
    return (signal + np.random.default_rng(seed).normal(size=len(rows)) > 0.3).astype(np.uint8)


def grown(seed: int = 1) -> tuple[Trees, Rows]:
    rows = drawn(seed)
    return fit(rows, labels_of(rows, seed), np.ones(len(rows))), rows


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.6), st.integers(80, 500))
def test_they_say_what_scikit_learn_says(seed: int, missing: float, n: int) -> None:
    rows = drawn(seed, n, missing=missing)
    weights = np.random.default_rng(seed).uniform(0.1, 2, n)
    booster = grow(rows, labels_of(rows, seed), weights)
    trees = extract(booster, rows.shape[1])
    for asked in (rows, drawn(seed + 1, 50, missing=0.3), rows[:1]):
        ours = 1 / (1 + np.exp(-trees.log_odds(asked)))
        assert ours == pytest.approx(booster.predict_proba(asked)[:, 1], abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_reasons_add_up_to_the_log_odds(seed: int) -> None:
    trees, rows = grown(seed)
    for row, whole in zip(rows[:20], trees.log_odds(rows[:20]), strict=True):
        bias, parts = trees.contributions(row)
        assert bias + parts.sum() == pytest.approx(whole, abs=1e-9)


def test_the_bias_is_the_mean_over_the_rows_that_they_grew_from() -> None:
    trees, rows = grown()
    assert trees.contributions(rows[0])[0] == pytest.approx(trees.log_odds(rows).mean(), abs=1e-9)


def test_reasons_name_what_the_label_depends_on() -> None:
    chance = np.random.default_rng(3)
    rows = chance.normal(size=(1_000, 5)).astype(np.float32)
    trees = fit(rows, (rows[:, 3] > 0).astype(np.uint8), np.ones(1_000))
    for row in rows[:50]:
        _, parts = trees.contributions(row)
        assert np.argmax(np.abs(parts)) == 3
        assert np.sign(parts[3]) == np.sign(row[3])


def test_many_rows_at_once_are_the_rows_one_by_one() -> None:
    trees, rows = grown()
    many = np.tile(rows, (10, 1))  # more than are looked at together
    assert trees.log_odds(many).tolist() == [
        value for row in many for value in trees.log_odds(row[np.newaxis])
    ]
    assert trees.log_odds(rows[:0]).tolist() == []


def test_the_same_rows_grow_the_same_trees() -> None:
    assert grown()[0].dump() == grown()[0].dump()


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_kind_grow_no_trees_and_no_certainty(label: int) -> None:
    rows = drawn(1, 30)
    trees = fit(rows, np.full(30, label, np.uint8), np.ones(30))
    assert len(trees.roots) == 0
    assert trees.log_odds(rows[:1])[0] == pytest.approx((2 * label - 1) * np.log(30.5 / 0.5))
    assert trees.contributions(rows[0])[1].tolist() == [0.0] * 6


def test_a_weight_counts_as_so_many_rows() -> None:
    rows = drawn(5, 300, missing=0)
    labels, times = labels_of(rows, 5), np.random.default_rng(5).integers(1, 3, 300)
    heavy = fit(rows, np.ones(300, np.uint8), times.astype(float))
    assert heavy.base == fit(np.repeat(rows, times, axis=0), np.ones(times.sum(), np.uint8),
                             np.ones(times.sum())).base  # fmt: skip
    assert fit(rows, labels, times.astype(float)).dump() != fit(rows, labels, np.ones(300)).dump()


def test_dumped_and_loaded_they_say_the_same_to_the_bit() -> None:
    trees, rows = grown()
    again = Trees.load(trees.dump())
    assert again.log_odds(rows).tolist() == trees.log_odds(rows).tolist()
    assert again.dump() == trees.dump()
    assert 0 < len(trees.dump()) < 2 * trees.memory_bytes()


def test_they_travel_from_a_worker_process() -> None:
    """A pool pickles what its function returns; that stays between our own processes."""
    trees, rows = grown()
    again = pickle.loads(pickle.dumps(trees))  # noqa: S301 - its own, a line ago
    assert again.log_odds(rows).tolist() == trees.log_odds(rows).tolist()


def test_bytes_that_are_no_trees_are_refused() -> None:
    state = grown()[0].dump()
    for damaged in (b"", b"\x80", state[:-1], state.replace(b"<f8", b"<f4", 1)):
        with pytest.raises(BadInput, match="bad_model_state"):
            Trees.load(damaged)


@pytest.mark.parametrize("part", ["roots", "feature", "left", "right"])
@pytest.mark.parametrize("wrong", [-1, 1 << 20])
def test_a_node_that_leads_nowhere_is_refused(part: str, wrong: int) -> None:
    """So a walk ends, within the arrays, whatever was loaded."""
    arrays = {name: value for name, value in vars(grown()[0]).items() if not name.startswith("_")}
    arrays[part] = arrays[part].copy()
    arrays[part][0] = wrong
    with pytest.raises(BadInput, match="no trees"):
        Trees(**arrays)


def test_a_node_above_itself_is_refused() -> None:
    arrays = {name: value for name, value in vars(grown()[0]).items() if not name.startswith("_")}
    arrays["left"] = arrays["left"].copy()
    arrays["left"][1] = 0
    with pytest.raises(BadInput, match="no trees"):
        Trees(**arrays)


def test_an_array_with_other_bytes_than_it_tells_is_refused() -> None:
    for told in (Packed("<f8", (3,), b"\0" * 16), Packed("<f8", (-1, -2), b"\0" * 16),
                 Packed("<i8", (2,), b"\0" * 16), Packed("<f8", (2, 1), b"\0" * 16)):  # fmt: skip
        with pytest.raises(BadInput, match="no array"):
            unpack(told, "<f8", axes=1)
    assert without_splits(1, 0.5).base == 0.5


def test_an_array_is_not_made_smaller_by_accident() -> None:
    with pytest.raises(TypeError):
        pack(np.float64([0.5]), "<i4")
