"""River's adaptive trees as learners: a Hoeffding adaptive tree, and a forest of them.

Shadows beside the champion: on real logs they are behind it (docs/scores.md), and on a log that
changes abruptly they need no refit. River has no format of its own for what it has learned but
pickle: so `load` takes authenticated bytes alone, of the same River, and builds River's classes
and nothing else.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from math import isfinite
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
from river.forest import ARFClassifier
from river.tree import HoeffdingAdaptiveTreeClassifier

from models.errors import BadInput
from models.learners.arrays import parse
from models.learners.base import Authenticated, Example, Probabilities, Row, Schema
from models.learners.reasons import largest

VERSION = 1
RIVER = version("river")
ROWS_MAX = 6  # of a case that are learned, evenly spread: one case must not fill a leaf
DEPTH_MAX = 12
MEBIBYTES_MAX = 8  # of one tree; River deactivates the least promising leaves beyond
ROWS_BETWEEN_ESTIMATES = 2_000  # of that size
SEED = 7
CERTAIN = 1e-6  # a probability nearer to 0 or 1 counts as this near, in reasons

PLAIN = frozenset({
    ("builtins", "int"), ("builtins", "float"), ("collections", "defaultdict"),
    ("functools", "partial"), ("random", "Random"),
})  # fmt: skip


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    river: str
    names: tuple[str, ...]
    words: tuple[str, ...]
    learned: int
    pickled: bytes


class RiverTree:
    """The Hoeffding adaptive tree (Bifet, Gavaldà, IDA 2009). What is missing in a row is left out.

    A subclass says in `_grow` what else grows.
    """

    trees: ClassVar[int] = 1

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.learned = 0
        self._model = self._grow()

    @staticmethod
    def _grow() -> Any:
        return HoeffdingAdaptiveTreeClassifier(
            grace_period=100, delta=1e-5, max_depth=DEPTH_MAX, max_size=MEBIBYTES_MAX,
            memory_estimate_period=ROWS_BETWEEN_ESTIMATES, seed=SEED,
        )  # fmt: skip

    @property
    def schema_hash(self) -> str:
        return self.schema.hash

    @property
    def rows_kept(self) -> int:
        return 0

    def predict_many(self, rows: Sequence[Row]) -> Probabilities:
        return np.array([self._probability(_present(row)) for row in rows], np.float64)

    def learn_case(self, example: Example) -> None:
        rows = example.rows
        places = np.linspace(0, len(rows) - 1, min(len(rows), ROWS_MAX)).round().astype(int)
        for place in places.tolist():
            self._model.learn_one(_present(rows[place]), example.label)
        self.learned += 1

    def reasons(self, row: Row, count: int) -> list[tuple[str, float]]:
        """What the log odds lose when a value is not known; costs one prediction for each value."""
        known = _present(row)
        whole = _log_odds(self._probability(known))
        added = np.zeros(len(self.schema.names))
        for name in known:
            without = {other: value for other, value in known.items() if other != name}
            added[name] = whole - _log_odds(self._probability(without))
        return largest(self.schema.names, added, count)

    def dump(self, *, bare: bool = False) -> bytes:
        pickled = pickle.dumps(self._model, protocol=5)
        schema = self.schema
        return msgspec.msgpack.encode(
            _State(VERSION, RIVER, schema.names, schema.words, self.learned, pickled)
        )

    @classmethod
    def load(cls, state: Authenticated) -> Self:
        """Refuses what another version of River, or another class, has written."""
        found = parse(state, _State, "trees of River")
        if (found.version, found.river) != (VERSION, RIVER):
            raise BadInput(
                "bad_model_state",
                f"trees of River {found.river}, format {found.version}; here it is River {RIVER},"
                f" format {VERSION}: learn them anew from the examples",
            )
        learner = cls(Schema(found.names, found.words))
        model = _unpickle(found.pickled)
        if type(model) is not type(learner._model):
            raise BadInput("bad_model_state", f"a {type(model).__name__} is no {cls.__name__}")
        learner.learned, learner._model = found.learned, model
        return learner

    def refill(self, examples: Iterable[Example]) -> None:
        """Trees keep no rows."""

    def memory_bytes(self) -> int:
        """As River counts; `trees` times MEBIBYTES_MAX and what comes between two estimates."""
        return int(self._model._raw_memory_usage)

    def _probability(self, known: dict[int, float]) -> float:
        told = self._model.predict_proba_one(known)
        one, zero = told.get(1, 0.0), told.get(0, 0.0)
        return one / (one + zero) if one + zero > 0 else 0.5


class RiverForest(RiverTree):
    """The adaptive random forest (Gomes et al., Machine Learning 106, 2017)."""

    trees: ClassVar[int] = 5

    @staticmethod
    def _grow() -> Any:
        return ARFClassifier(
            n_models=RiverForest.trees, max_depth=DEPTH_MAX, max_size=MEBIBYTES_MAX,
            memory_estimate_period=ROWS_BETWEEN_ESTIMATES, seed=SEED,
        )  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Builds River's classes and a few plain ones; a second wall, behind the signature."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        if module.startswith("river.") and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__.startswith("river."):
                return found
        raise BadInput("bad_model_state", f"trees of River hold a {module}.{name}")


def _unpickle(pickled: bytes) -> Any:
    try:
        return _Unpickler(io.BytesIO(pickled)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError) as error:
        raise BadInput("bad_model_state", f"trees of River: {error}") from None


def _present(row: Row) -> dict[int, float]:
    """By place: River copies its dictionaries, and numbers are cheaper than names."""
    return {at: value for at, value in enumerate(row.values.tolist()) if isfinite(value)}


def _log_odds(probability: float) -> float:
    inside = min(max(probability, CERTAIN), 1 - CERTAIN)
    return float(np.log(inside / (1 - inside)))
