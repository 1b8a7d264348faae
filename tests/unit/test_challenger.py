"""The challenger keeps matured cases, says when a fit is due, and speaks by the last one."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import BadInput
from models.learners.base import Example, Row, Schema
from models.learners.boosting import refit
from models.learners.challenger import Challenger, Settings
from models.learners.trees import without_splits

SCHEMA = Schema(("hour", "amount"), ())


def example(case: int, rows: int = 1, label: int = 0) -> Example:
    values = [np.float32([case, place]) for place in range(rows)]
    return Example(str(case), tuple(Row(v, (), "task", str(case), case) for v in values), label, 0)


def learned(cases: list[Example], **settings: int) -> Challenger:
    learner = Challenger(SCHEMA, Settings(**settings))
    for each in cases:
        learner.learn_case(each)
    return learner


def test_a_fit_is_due_after_so_many_labels_and_again_after_as_many_more() -> None:
    learner, due = Challenger(SCHEMA, Settings(every=10)), []
    for case in range(35):
        learner.learn_case(example(case, label=case % 2))
        if learner.batch():
            due.append(learner.learned)
            refit(learner)
    assert due == [10, 20, 30]
    assert learner.ready


def test_a_fit_that_takes_long_counts_from_the_rows_that_it_was_given() -> None:
    learner = learned([example(case) for case in range(10)], every=10)
    batch = learner.batch()
    assert batch is not None
    for case in range(10, 19):
        learner.learn_case(example(case))
    learner.take(without_splits(2, 0.0), batch.learned)
    assert learner.batch() is None
    learner.learn_case(example(19))
    assert learner.batch() is not None


def test_the_rows_of_a_case_weigh_as_much_as_one_case() -> None:
    batch = learned([example(0, 1, 1), example(1, 3, 0)], every=1).batch()
    assert batch is not None
    assert batch.values.tolist() == [[0, 0], [1, 0], [1, 1], [1, 2]]
    assert batch.labels.tolist() == [1, 0, 0, 0]
    assert batch.weights == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
    assert batch.learned == 2


def test_beyond_its_bound_the_oldest_case_gives_way() -> None:
    learner = learned([example(case, rows=3) for case in range(100)], every=1, rows_max=10)
    batch = learner.batch()
    assert batch is not None
    assert batch.values[:, 0].tolist() == [97] * 3 + [98] * 3 + [99] * 3
    assert learner.memory_bytes() == 9 * 2 * 4
    assert learner.learned == 100


def test_before_the_first_fit_it_says_the_base_rate_and_no_reasons() -> None:
    learner = learned([example(case, label=int(case < 3)) for case in range(10)])
    row = example(0).rows[0]
    assert not learner.ready
    assert learner.predict_many([row]) == pytest.approx(4 / 12)
    assert learner.reasons(row, 2) == []


def test_a_state_that_does_not_hang_together_is_refused() -> None:
    learner = learned([example(case, 2, case % 2) for case in range(30)], every=10)
    refit(learner)
    state = learner.dump()
    assert Challenger.load(state).dump() == state
    three = Challenger(Schema(("hour", "amount", "age"), ()))
    three.take(without_splits(3, 0.0), 1)
    wide = three.dump().replace(b"\x93\xa4hour\xa6amount\xa3age", b"\x92\xa4hour\xa6amount")
    label = b"\x00\x01" * 15
    assert state.count(label) == 1
    for damaged in (b"", b"\x90", state[:-1], b"\x9a\x07" + state[2:], wide,
                    state.replace(label, b"\x00\x02" * 15)):  # fmt: skip
        with pytest.raises(BadInput, match="bad_model_state"):
            Challenger.load(damaged)
