"""The logistic learner: what one case teaches, what it forgets, how it goes on after a restart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from models.errors import BadInput
from models.learners.base import Example, Row, Schema
from models.learners.logistic import Logistic, Settings
from models.learners.row_buffer import RowBuffer

WIDTH = 6
SCHEMA = Schema(tuple(f"x{i}" for i in range(WIDTH)), ())


def rows(values: np.ndarray) -> tuple[Row, ...]:
    return tuple(Row(row, (), "task", "case", 0) for row in values.astype(np.float32))


@dataclass
class World:
    """Cases of several rows; the label hangs on the first two values, `shift` on how rare it is."""

    seed: int
    shift: float = 0.0

    def cases(self, count: int) -> list[Example]:
        chance = np.random.default_rng(self.seed)
        return [self._case(chance, i) for i in range(count)]

    def _case(self, chance: np.random.Generator, i: int) -> Example:
        values = chance.normal(size=(chance.integers(1, 6), WIDTH))
        values[:, :2] = values[0, :2]
        odds = 1.5 * values[0, 0] - values[0, 1] + self.shift
        label = int(odds + chance.logistic() > 0)
        return Example(str(i), rows(values), label, i)


def taught(cases: list[Example], settings: Settings = Settings()) -> Logistic:  # noqa: B008 - frozen
    learner = Logistic(SCHEMA, settings)
    for case in cases:
        learner.learn_case(case)
    return learner


def test_one_pass_comes_near_to_what_scikit_learn_finds_in_many() -> None:
    past, future = World(1).cases(1500), World(2).cases(500)
    flat = [(row.values, case.label) for case in past for row in case.rows]
    offline = LogisticRegression().fit(*map(np.array, zip(*flat, strict=True)))
    asked = [case.rows[0] for case in future]
    labels = [case.label for case in future]

    online = taught(past).predict_many(asked)

    best = roc_auc_score(labels, offline.predict_proba([row.values for row in asked])[:, 1])
    assert roc_auc_score(labels, online) > best - 0.01


def test_a_rare_label_is_said_to_be_rare_from_the_start() -> None:
    cases = World(3, shift=-5).cases(600)
    rate = np.mean([case.label for case in cases])
    learner = taught(cases)

    said = learner.predict_many([case.rows[0] for case in World(4, shift=-5).cases(400)])

    assert 0 < rate < 0.1
    assert said.mean() == pytest.approx(rate, abs=0.03)


def test_a_case_of_many_rows_teaches_no_more_than_one_of_a_single_row() -> None:
    without = Settings(replayed=0)
    row = np.ones((1, WIDTH))
    start = World(5).cases(50)
    one, many = taught(start, without), taught(start, without)
    before = one.predict_many(rows(row))

    one.learn_case(Example("one", rows(row), 1, 0))
    many.learn_case(Example("many", rows(np.repeat(row, 40, axis=0)), 1, 0))

    moved = [abs(learner.predict_many(rows(row)) - before)[0] for learner in (one, many)]
    assert moved[1] < 2 * moved[0]


def test_replay_learns_more_from_the_same_cases() -> None:
    past, future = World(6).cases(150), World(7).cases(800)
    asked = [case.rows[0] for case in future]
    labels = [case.label for case in future]

    losses = [
        np.abs(taught(past, settings).predict_many(asked) - labels).mean()
        for settings in (Settings(replayed=0), Settings(replayed=100))
    ]

    assert losses[1] < losses[0]


def test_what_is_not_known_counts_as_the_mean() -> None:
    learner = taught(World(8).cases(300))
    unknown = np.full((1, WIDTH), np.nan)
    mean = learner._mean[np.newaxis]

    assert learner.predict_many(rows(unknown)) == pytest.approx(
        learner.predict_many(rows(mean)), abs=1e-6
    )
    learner.learn_case(Example("unknown", rows(unknown), 1, 0))
    assert np.isfinite(learner.predict_many(rows(mean))).all()


def test_running_moments_are_those_of_all_rows_together() -> None:
    cases = World(9).cases(80)
    cases[3].rows[0].values[2] = np.nan
    learner = taught(cases)
    together = np.stack([row.values for case in cases for row in case.rows]).astype(float)

    np.testing.assert_allclose(learner._mean, np.nanmean(together, axis=0), atol=1e-6)
    np.testing.assert_allclose(1 / learner._scale, np.nanstd(together, axis=0), rtol=1e-5)


def test_a_value_beyond_the_clip_says_no_more_than_one_at_it() -> None:
    learner = taught(World(10).cases(300))
    far, farther = (np.full((1, WIDTH), x) for x in (1e3, 1e30))

    assert learner.predict_many(rows(far)) == learner.predict_many(rows(farther))


def test_reasons_add_up_to_the_log_odds() -> None:
    learner = taught(World(11).cases(300))
    row = World(12).cases(1)[0].rows[0]
    base = learner._weights[-1] + learner._base()

    total = base + sum(amount for _, amount in learner.reasons(row, WIDTH))

    assert 1 / (1 + np.exp(-total)) == pytest.approx(learner.predict_many([row])[0], abs=1e-12)
    assert learner.reasons(row, 2) == learner.reasons(row, WIDTH)[:2]


@given(st.integers(0, 60), st.integers(0, 40), st.sampled_from([3, 20, 20_000]))
def test_after_a_restart_all_goes_on_as_if_there_were_none(
    before: int, after: int, buffer_rows: int
) -> None:
    cases = World(13).cases(before + after)
    never = taught(cases[:before], Settings(buffer_rows=buffer_rows))
    again = Logistic.load(never.dump())
    for case in cases[before:]:
        never.learn_case(case)
        again.learn_case(case)
    asked = [row for case in World(14).cases(5) for row in case.rows]

    np.testing.assert_array_equal(never.predict_many(asked), again.predict_many(asked))
    assert never.dump() == again.dump()


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = taught(World(15).cases(5)).dump()
    for broken in (b"", b"\x00", state[:-1], state.replace(b"x0", b"\xc1\xc1")):
        with pytest.raises(BadInput, match="bad_model_state"):
            Logistic.load(broken)


def test_memory_stops_growing_at_the_buffer() -> None:
    small = Settings(buffer_rows=50)
    assert taught(World(16).cases(40), small).memory_bytes() == (
        taught(World(16).cases(400), small).memory_bytes()
    )


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 12))
def test_the_buffer_holds_the_newest_rows(sizes: list[int], rows_max: int) -> None:
    buffer, kept = RowBuffer(1, rows_max), list[tuple[float, int]]()
    for i, size in enumerate(sizes):
        values = np.arange(100 * i, 100 * i + size, dtype=np.float32)[:, np.newaxis]
        buffer.push(values, i % 2)
        kept = [*kept, *((float(value), i % 2) for value in values[:, 0])][-rows_max:]

    _, values, labels = buffer.state()

    assert sorted(zip(values[:, 0].tolist(), labels.tolist(), strict=True)) == kept
    assert len(buffer) == len(kept)


def test_draws_are_even_and_differ_from_step_to_step() -> None:
    buffer = RowBuffer(1, 10)
    buffer.push(np.arange(10, dtype=np.float32)[:, np.newaxis], 0)

    drawn = np.concatenate([buffer.draw(100, seed=1, step=step)[0] for step in range(100)])

    assert np.bincount(drawn[:, 0].astype(int)) == pytest.approx(1000, rel=0.12)
    one, other = (buffer.draw(100, seed=1, step=step)[0].tobytes() for step in (1, 2))
    assert one != other
    assert one != buffer.draw(100, seed=2, step=1)[0].tobytes()
