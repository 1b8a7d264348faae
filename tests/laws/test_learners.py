"""What holds for every learner of the registry; a new one passes without being named here."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learners import registry
from models.learners.base import Authenticated, Example, Learner, Row, Schema
from models.learners.boosting import refit
from models.learners.challenger import Refitted
from models.learners.registry import LEARNERS, make
from models.learners.row_buffer import RowBuffer

SCHEMA = Schema(("hour", "amount", "age", "noise"), ("team",))
CASES = 300  # so that each learner with fits has one behind it
SAME = 1e-12


def examples(seed: int, cases: int, first: int = 0) -> list[Example]:
    """The label depends on `amount`, and on whether `age` is known."""
    chance = np.random.default_rng(seed)
    return [_example(chance, case) for case in range(first, first + cases)]


def _example(chance: np.random.Generator, case: int) -> Example:
    values = chance.normal(size=(chance.integers(1, 5), 4)).astype(np.float32)
    values[:, 1] = chance.normal()
    values[:, 2] = np.nan if chance.random() < 0.3 else values[:, 2]
    odds = 2 * values[0, 1] + 2 * np.isnan(values[0, 2])
    rows = tuple(Row(row, ("blue",), "task", str(case), case) for row in values)
    return Example(str(case), rows, int(odds + chance.logistic() > 0), case)


def learn(learner: Learner, cases: list[Example]) -> None:
    for example in cases:
        learner.learn_case(example)
        if isinstance(learner, Refitted):
            refit(learner)


@cache
def taught(name: str) -> bytes:
    learner = make(name, SCHEMA)
    learn(learner, examples(1, CASES))
    return learner.dump()


def load(name: str) -> Learner:
    return registry.load(name, Authenticated(taught(name)))


ASKED = [row for example in examples(2, 60) for row in example.rows]

each = pytest.mark.parametrize("name", LEARNERS)


@each
def test_probabilities_one_by_one_or_together(name: str) -> None:
    learner = load(name)
    together = learner.predict_many(ASKED)
    assert together.shape == (len(ASKED),)
    assert together.dtype == np.float64
    assert ((together >= 0) & (together <= 1)).all()
    alone = [learner.predict_many([row])[0] for row in ASKED]
    assert together == pytest.approx(np.array(alone), abs=SAME)


@each
def test_a_new_one_is_unsure(name: str) -> None:
    learner = make(name, SCHEMA)
    assert learner.learned == 0
    assert learner.predict_many(ASKED[:3]) == pytest.approx(0.5)


@each
def test_it_learns_what_there_is_to_learn(name: str) -> None:
    """How often a later case of label 1 is above one of label 0 (the area under the ROC curve)."""
    learner, later = load(name), examples(3, 200)
    assert learner.learned == CASES
    said: dict[int, list[float]] = {0: [], 1: []}
    for example in later:
        said[example.label].append(learner.predict_many(example.rows)[0])
    above = np.mean([(one > zero) + (one == zero) / 2 for one in said[1] for zero in said[0]])
    assert above > 0.6


@each
def test_asking_changes_nothing(name: str) -> None:
    learner = load(name)
    before = learner.predict_many(ASKED).tolist()
    learner.reasons(ASKED[0], 3)
    learner.memory_bytes()
    learner.dump()
    assert learner.predict_many(ASKED).tolist() == before


@each
def test_the_same_cases_make_the_same_learner(name: str) -> None:
    again = make(name, SCHEMA)
    learn(again, examples(1, CASES))
    assert again.predict_many(ASKED).tolist() == load(name).predict_many(ASKED).tolist()


@each
def test_reasons_are_features_the_largest_first(name: str) -> None:
    learner = load(name)
    for row in ASKED[:5]:
        told = learner.reasons(row, 3)
        assert len(told) <= 3
        assert {feature for feature, _ in told} <= set(SCHEMA.names)
        sizes = [abs(amount) for _, amount in told]
        assert sizes == sorted(sizes, reverse=True)
        assert 0 not in sizes
    first = [name for row in ASKED for name, _ in learner.reasons(row, 1)]
    assert max(first, key=first.count) == "amount"


@each
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 60))
def test_loaded_it_says_the_same_and_goes_on_learning_as_before(
    name: str, seed: int, more: int
) -> None:
    """Equal to 1e-12, right away and after cases that both learn, over a fit and beyond."""
    one = load(name)
    learn(one, examples(seed, more, CASES))
    other = registry.load(name, Authenticated(one.dump()))
    assert (other.learned, other.schema_hash) == (one.learned, SCHEMA.hash)
    assert other.predict_many(ASKED) == pytest.approx(one.predict_many(ASKED), abs=SAME)
    following = examples(seed + 1, 40, CASES + more)
    learn(one, following)
    learn(other, following)
    assert other.predict_many(ASKED) == pytest.approx(one.predict_many(ASKED), abs=SAME)
    assert other.reasons(ASKED[0], 4) == one.reasons(ASKED[0], 4)


@each
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 60))
def test_bare_it_says_the_same_and_refilled_goes_on_learning_as_before(
    name: str, seed: int, more: int
) -> None:
    """Equal to 1e-12; the rows come from the newest cases, more of them than it keeps."""
    one, past = load(name), examples(1, CASES) + examples(seed, more, CASES)
    learn(one, past[CASES:])
    other = registry.load(name, Authenticated(one.dump(bare=True)))
    assert other.predict_many(ASKED) == pytest.approx(one.predict_many(ASKED), abs=SAME)
    other.refill(past)
    following = examples(seed + 1, 300, CASES + more)
    learn(one, following)
    learn(other, following)
    assert other.predict_many(ASKED) == pytest.approx(one.predict_many(ASKED), abs=SAME)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=20),
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.integers(3, 12),
)
def test_a_buffer_that_was_refilled_draws_what_the_other_draws(
    past: list[int], following: list[int], rows_max: int
) -> None:
    """Cases by their number of rows; the newest that hold all kept rows are enough."""
    one, other = RowBuffer(1, rows_max), RowBuffer(1, rows_max)
    cases = [(np.full((rows, 1), i, np.float32), i % 2) for i, rows in enumerate(past)]
    for case in cases:
        one.push(*case)
    other.restore(*one.bare())
    while len(cases) > 1 and sum(len(rows) for rows, _ in cases[1:]) >= rows_max:
        del cases[0]
    other.refill(cases)
    for i, rows in enumerate(following):
        for buffer in (one, other):
            buffer.push(np.full((rows, 1), 100 + i, np.float32), 1)
    for drawn, again in zip(one.draw(50, 7, 1), other.draw(50, 7, 1), strict=True):
        assert drawn.tolist() == again.tolist()
