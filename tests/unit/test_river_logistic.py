"""The logistic learner for River passes what River asks of its own estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from river import checks, compose, metrics, preprocessing

from models.learners.river_logistic import RiverLogistic


def name(check: Any) -> str:
    return str(getattr(check, "__name__", check))


@pytest.mark.parametrize("check", list(checks.yield_checks(RiverLogistic(width=64))), ids=name)
def test_rivers_own_checks(check: Callable[[RiverLogistic], None]) -> None:
    check(RiverLogistic(width=64, replayed=20))


def test_it_learns_in_a_pipeline_of_river() -> None:
    chance = np.random.default_rng(1)
    model = compose.Select("x", "colour") | preprocessing.StatImputer() | RiverLogistic(width=32)
    auc = metrics.ROCAUC()
    for i in range(600):
        x = {"x": float(chance.normal()), "colour": str(chance.choice(["red", "blue"])), "id": i}
        y = bool(x["x"] + 2 * (x["colour"] == "red") - 1 + chance.logistic() > 0)
        auc.update(y, model.predict_proba_one(x))
        model.learn_one(x, y)

    assert auc.get() > 0.75


def test_before_any_label_both_are_as_likely() -> None:
    assert RiverLogistic().predict_proba_one({"x": 1}) == {False: 0.5, True: 0.5}


def test_a_label_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'yes' is no label"):
        RiverLogistic().learn_one({"x": 1}, "yes")
