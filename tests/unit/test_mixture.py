"""A mixture says the mean of its members, and leans to the one that is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from models.errors import BadInput
from models.learners import registry
from models.learners.base import Authenticated, Example, Probabilities, Row, Schema
from models.learners.challenger import Refitted
from models.learners.mixture import Mixture, Settings
from models.learners.registry import Kind
from models.learners.trees import without_splits

SCHEMA = Schema(("hour", "amount"), ())
ROW = Row(np.zeros(2, np.float32), (), "task", "case", 0)


class Says:
    """A learner that says one thing for ever, for a reason."""

    schema_hash = SCHEMA.hash
    learned = 0

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self.log_odds = float(np.log(probability / (1 - probability)))

    def predict_many(self, rows: Sequence[Row]) -> Probabilities:
        return np.full(len(rows), self.probability)

    def learn_case(self, example: Example) -> None:
        self.learned += 1

    def reasons(self, row: Row, count: int) -> list[tuple[str, float]]:
        return [("hour", self.log_odds)][:count]


class NeverFitted(Says):
    ready = False

    def batch(self) -> None:
        return None

    def take(self, trees: Any, learned: int) -> None: ...


def mixture(*members: Any, rate: float = 0.0) -> Mixture:
    one = Mixture(SCHEMA, Settings(("logistic",) * len(members), rate))
    one.members = list(members)
    return one


def cases(label: int, count: int) -> list[Example]:
    return [Example(str(n), (ROW, ROW), label, n) for n in range(count)]


def test_equal_weights_are_the_mean_of_log_odds() -> None:
    mean = mixture(Says(0.9), Says(0.2))
    expected = (9 * 0.25) ** 0.5  # the geometric mean of the odds
    assert mean.predict_many([ROW, ROW]) == pytest.approx(expected / (1 + expected))
    assert mean.predict_many([]).shape == (0,)


def test_reasons_are_those_of_the_members_by_weight_and_explain_the_whole() -> None:
    mean = mixture(Says(0.9), Says(0.2))
    [(name, amount)] = mean.reasons(ROW, 5)
    said = mean.predict_many([ROW])[0]
    assert (name, amount) == ("hour", pytest.approx(np.log(said / (1 - said))))


def test_a_member_that_was_never_fitted_has_no_say() -> None:
    """Else the base rate would halve the champion's log odds."""
    one = mixture(Says(0.9), NeverFitted(0.5), rate=0.5)
    assert one.predict_many([ROW]) == pytest.approx(0.9)
    assert not one.ready
    for example in cases(0, 50):
        one.learn_case(example)
    assert one.predict_many([ROW]) == pytest.approx(0.9)
    silent = mixture(NeverFitted(0.5), NeverFitted(0.3))
    assert 0.3 < silent.predict_many([ROW])[0] < 0.5


def test_online_weights_follow_who_is_right_and_turn_when_that_changes() -> None:
    hedge = mixture(Says(0.9), Says(0.2), rate=0.5)
    for example in cases(1, 20):
        hedge.learn_case(example)
    assert hedge.predict_many([ROW])[0] > 0.89
    for example in cases(0, 40):
        hedge.learn_case(example)
    assert hedge.predict_many([ROW])[0] < 0.21
    assert hedge._weights.sum() == pytest.approx(1)


def test_weights_are_the_exponential_of_the_loss_so_far() -> None:
    """Against Freund and Schapire's sum, without the share."""
    hedge = Mixture(SCHEMA, Settings(("logistic", "logistic"), 0.3, 0.0))
    hedge.members = [Says(0.7), Says(0.4)]
    labels = [1, 0, 0, 1, 1, 0, 1]
    for label in labels:
        hedge.learn_case(cases(label, 1)[0])
    losses = [-sum(np.log(p if y else 1 - p) for y in labels) for p in (0.7, 0.4)]
    told = np.exp(-0.3 * np.array(losses))
    assert hedge._weights == pytest.approx(told / told.sum())


def test_a_fit_goes_to_the_member_that_wants_it() -> None:
    one = Mixture(SCHEMA, Settings(("challenger", "adaptive-random-forest")))
    for example in cases(1, 250):
        one.learn_case(example)
    batch = one.batch()
    assert batch is not None
    assert batch.learned == 250
    one.take(without_splits(2, 1.0), batch.learned)
    assert one.batch() is None
    assert isinstance(one.members[0], Refitted)
    assert one.members[0].ready


def test_a_state_that_is_no_mixture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Mixture(SCHEMA, Settings(("challenger", "challenger")))
    state = one.dump()
    assert Mixture.load(Authenticated(state)).dump() == state
    version, names, words, chosen, learned, weights, members = msgspec.msgpack.decode(state)
    other = registry.make("challenger", Schema(("hour", "age"), ())).dump()
    for wrong in (
        [7, names, words, chosen, learned, weights, members],
        [version, names, words, chosen, learned, [0.5], members],
        [version, names, words, chosen, learned, [0.5, -0.5], members],
        [version, names, words, chosen, learned, weights, members[:1]],
        [version, names, words, chosen, learned, weights, [members[0], other]],
        [version, names, words, [["mean", "challenger"], *chosen[1:]], learned, weights, members],
        [version, names, words, [[], *chosen[1:]], learned, [], []],
    ):
        with pytest.raises(BadInput, match="bad_model_state"):
            Mixture.load(Authenticated(msgspec.msgpack.encode(wrong)))
    with pytest.raises(BadInput, match="bad_model_state"):
        Mixture.load(Authenticated(b"\x90"))


def test_a_learner_costs_a_line_in_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {**registry.LEARNERS, "hasty": Kind("challenger:Challenger", settings={"every": 1})}
    monkeypatch.setattr(registry, "LEARNERS", more)
    hasty: Any = registry.make("hasty", SCHEMA)
    hasty.learn_case(cases(1, 1)[0])
    assert hasty.batch() is not None
