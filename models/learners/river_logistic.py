"""The logistic learner as a River `Classifier`: for pipelines, metrics and comparisons of River.

Beside the data path; workers use `logistic.py` itself. River's dictionaries name their features,
and new ones may come at any time: each gets a column by hash, so the width is set at the start.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xxhash
from river.base import Classifier

from models.learners.base import Example, Row, Schema, Vector
from models.learners.logistic import Logistic, Settings


class RiverLogistic(Classifier):
    """Binary, with labels False and True (or 0 and 1); an example is a case of one row.

    Parameters: as in `Settings`. width: columns; features that share one are added.

    >>> model = RiverLogistic(width=4, replayed=10)
    >>> for i in range(100):
    ...     model.learn_one({"x": i % 2}, bool(i % 2))
    >>> model.predict_one({"x": 1}), model.predict_one({"x": 0})
    (True, False)
    """

    def __init__(
        self,
        width: int = 256,
        rate: float = 0.02,
        l2: float = 1e-4,
        clip: float = 2.5,
        replayed: int = 100,
        buffer_rows: int = 20_000,
        seed: int = 7,
    ) -> None:
        self.width = width
        self.rate = rate
        self.l2 = l2
        self.clip = clip
        self.replayed = replayed
        self.buffer_rows = buffer_rows
        self.seed = seed
        settings = Settings(rate, l2, clip, replayed, buffer_rows, seed)
        self._learner = Logistic(Schema(tuple(f"column {i}" for i in range(width)), ()), settings)

    @property
    def _multiclass(self) -> bool:
        return False

    def learn_one(self, x: dict[Hashable, Any], y: Any) -> None:
        """Raises ValueError for any other label."""
        if y not in (False, True):
            raise ValueError(f"{y!r} is no label: it is False or True (or 0 or 1)")
        self._learner.learn_case(Example("", (self._row(x),), int(y), 0))

    def predict_proba_one(self, x: dict[Hashable, Any], **kwargs: Any) -> dict[Any, float]:
        one = float(self._learner.predict_many((self._row(x),))[0])
        return {False: 1 - one, True: one}

    def _row(self, x: dict[Hashable, Any]) -> Row:
        values: Vector = np.zeros(self.width, np.float32)
        for name, value in x.items():
            number = isinstance(value, int | float | np.number)
            text = str(name) if number else f"{name}={value}"
            column = xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) % self.width
            values[column] += np.float32(value) if number else np.float32(1)
        return Row(values, (), "", "", 0)
