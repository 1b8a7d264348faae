"""What a learner is given and what it gives: rows, matured examples, the protocol of a learner.

Between the features (one row for each moment at which a task scores a case), the learners and the
validation. A row passes two stages, and is the same type in both:

    features.py   raw: what the account and the case alone tell          names of `Features.schema`
    encoder.py    encoded: behind them what matured labels tell          names of `Encoder.schema`

Learners see encoded rows only. An open case keeps its encoded rows, so that once its label is
known a learner learns from exactly what was scored, and nothing from later leaks in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NewType, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.identity import digest

VERSION = 1  # of what the features of a name mean; another one is another schema

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]
Probabilities = NDArray[np.float64]

# A learner's state whose origin was checked: our own file, or a record with a signature that holds.
# Whoever has checked makes one; a learner that needs pickle loads nothing else.
Authenticated = NewType("Authenticated", bytes)


@dataclass(frozen=True)
class Schema:
    """names: of the F values of a row, in words of the domain. words: of its category slots.

    >>> Schema(("hour",), ()).hash == Schema(("hour",), ("data.team",)).hash
    False
    """

    names: tuple[str, ...]
    words: tuple[str, ...]

    @cached_property
    def hash(self) -> str:
        """Equal for equal features in equal order. Snapshots and scorers are matched by it."""
        return digest("features", VERSION, *self.names, "words", *self.words)


class Row(msgspec.Struct, frozen=True, eq=False):
    """A case at a moment at which it is scored.

    values: shape (F,); NaN where nothing is known. words: categories, "" where there is none.
    moment: ms since 1970, of the event at which it is scored.
    """

    values: Vector
    words: tuple[str, ...]
    task: str
    case: str
    moment: int


class Example(msgspec.Struct, frozen=True, eq=False):
    """A case whose label is known. rows: encoded, at least one, as they were when scored, in order.

    label: 0 or 1. matured_at: the moment at which the label was known, ms since 1970.
    """

    case: str
    rows: tuple[Row, ...]
    label: int
    matured_at: int


class Learner(Protocol):
    """A classifier that learns case by case. Deterministic: chance comes from a seed it was given.

    learned: cases so far. schema_hash: of the rows that it takes.
    """

    @property
    def schema_hash(self) -> str: ...

    @property
    def learned(self) -> int: ...

    @property
    def rows_kept(self) -> int:
        """How many of the newest rows it goes on learning from, at most."""
        ...

    def predict_many(self, rows: Sequence[Row]) -> Probabilities:
        """Probabilities of label 1, shape (len(rows),), within [0, 1]. Changes nothing."""
        ...

    def learn_case(self, example: Example) -> None:
        """Examples come in the order of `matured_at`, each once."""
        ...

    def reasons(self, row: Row, count: int) -> list[tuple[str, float]]:
        """At most `count` feature names with what each adds to the log odds, largest first."""
        ...

    def dump(self, *, bare: bool = False) -> bytes:
        """The whole state, versioned; `load` of the same class goes on with equal predictions.

        bare: without the kept rows, so that it is small; such a one predicts, and learns on once
        `refill` has given them back.
        """
        ...

    def refill(self, examples: Iterable[Example]) -> None:
        """The newest cases, the oldest first, with all of the kept rows at least."""
        ...

    @classmethod
    def load(cls, state: Authenticated) -> Any:
        """The inverse of `dump`. Raises BadInput for what it cannot read.

        Declared to take any bytes where the format is explicit and nothing in it can run.
        """
        ...

    def memory_bytes(self) -> int:
        """What the state occupies, about; it has a bound that does not grow with the log."""
        ...


def as_matrix(rows: Sequence[Row]) -> Matrix:
    """The values of rows of one schema, shape (len(rows), F).

    >>> row = Row(np.ones(3, np.float32), (), "task", "case", 0)
    >>> as_matrix([row, row]).shape
    (2, 3)
    """
    return np.stack([row.values for row in rows])
