"""The challenger: boosted trees, grown anew from all matured rows as labels come.

Beside the champion, behind the encoder. Learning a case only keeps its rows; the fit takes seconds
and is somebody else's: ask `batch`, run `boosting.fit` on it in a worker process, hand the trees to
`take`. Until the first fit it is not `ready`, and says the base rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, Self, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import BadInput
from models.learners.arrays import Packed, pack, parse, unpack
from models.learners.base import Example, Matrix, Probabilities, Row, Schema, as_matrix
from models.learners.reasons import largest
from models.learners.trees import Trees, without_splits

VERSION = 1


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """every, growth: labels between two fits, at least; as a share of those of the last one.
    rows_max: what is kept of matured cases, the newest.
    """

    every: int = 100
    rows_max: int = 100_000
    growth: float = 0.1

    def due(self, fitted: int) -> int:
        """How many labels the next fit needs. While they are few, each hundred tells much; later
        each fit costs more, and so they all cost some ten times what the last one does.

        >>> Settings().due(0), Settings().due(4000)
        (100, 4400)
        """
        return fitted + max(self.every, round(fitted * self.growth))


class Batch(NamedTuple):
    """What `boosting.fit` takes, and how many cases had been learned then.

    weights: the rows of a case share the weight of one case; their mean is 1.
    """

    values: Matrix
    labels: NDArray[np.uint8]
    weights: NDArray[np.float64]
    learned: int


@runtime_checkable
class Refitted(Protocol):
    """A learner with a fit that others run for it. ready: whether one was ever taken."""

    @property
    def ready(self) -> bool: ...

    def batch(self) -> Batch | None:
        """A copy of the rows to fit on when a fit is due, else None. Changes nothing."""
        ...

    def take(self, trees: Trees, learned: int) -> None:
        """The outcome of the fit on the batch of that `learned`."""
        ...


class _State(msgspec.Struct, array_like=True, frozen=True):
    """fitted: `learned` of the batch that the trees came from. sizes: rows of each kept case."""

    version: int
    names: tuple[str, ...]
    words: tuple[str, ...]
    settings: Settings
    learned: int
    fitted: int
    trees: bytes
    sizes: Packed
    labels: Packed
    values: Packed


class Challenger:
    """Keeps whole cases: when they have more than `rows_max` rows, the oldest case gives way."""

    def __init__(self, schema: Schema, settings: Settings = Settings()) -> None:  # noqa: B008 - frozen
        self.schema = schema
        self.settings = settings
        self.learned = 0
        self._fitted = 0
        self._trees = without_splits(len(schema.names), 0.0)
        self._cases: deque[tuple[Matrix, int]] = deque()
        self._rows = 0

    @property
    def schema_hash(self) -> str:
        return self.schema.hash

    @property
    def rows_kept(self) -> int:
        return self.settings.rows_max

    @property
    def ready(self) -> bool:
        return self._fitted > 0

    def predict_many(self, rows: Sequence[Row]) -> Probabilities:
        if not self.ready:
            return np.full(len(rows), self._base_rate())
        return 1 / (1 + np.exp(-self._trees.log_odds(as_matrix(rows))))

    def learn_case(self, example: Example) -> None:
        self._keep(as_matrix(example.rows), example.label)
        self.learned += 1

    def reasons(self, row: Row, count: int) -> list[tuple[str, float]]:
        _, added = self._trees.contributions(row.values)
        return largest(self.schema.names, added, count)

    def batch(self) -> Batch | None:
        if self.learned < self.settings.due(self._fitted):
            return None
        sizes = np.array([len(values) for values, _ in self._cases])
        labels = np.array([label for _, label in self._cases], np.uint8)
        weights = np.repeat(self._rows / len(sizes) / sizes, sizes)
        values = np.concatenate([values for values, _ in self._cases])
        return Batch(values, np.repeat(labels, sizes), weights, self.learned)

    def take(self, trees: Trees, learned: int) -> None:
        assert trees.features == len(self.schema.names), "grown from rows of this schema"
        self._trees, self._fitted = trees, learned

    def dump(self, *, bare: bool = False) -> bytes:
        width, cases = len(self.schema.names), [] if bare else self._cases
        kept = [values for values, _ in cases] or [np.empty((0, width), np.float32)]
        state = _State(
            VERSION, self.schema.names, self.schema.words, self.settings, self.learned,
            self._fitted, self._trees.dump(),
            pack(np.array([len(values) for values, _ in cases], np.int32), "<i4"),
            pack(np.array([label for _, label in cases], np.uint8), "|u1"),
            pack(np.concatenate(kept), "<f4"),
        )  # fmt: skip
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(cls, state: bytes) -> Self:
        found = parse(state, _State, "challenger")
        if found.version != VERSION:
            raise BadInput("bad_model_state", f"challenger of version {found.version}: not known")
        learner = cls(Schema(found.names, found.words), found.settings)
        sizes, labels = unpack(found.sizes, "<i4", 1), unpack(found.labels, "|u1", 1)
        values, trees = unpack(found.values, "<f4", 2), Trees.load(found.trees)
        width = len(found.names)
        whole = len(sizes) == len(labels) and (sizes > 0).all() and sizes.sum() == len(values)
        if not whole or (labels > 1).any() or {width} != {trees.features, values.shape[1]}:
            raise BadInput("bad_model_state", "challenger: its rows, cases and trees do not agree")
        for rows, label in zip(np.split(values, np.cumsum(sizes)), labels.tolist(), strict=False):
            learner._keep(rows, label)
        learner.learned, learner._fitted, learner._trees = found.learned, found.fitted, trees
        return learner

    def refill(self, examples: Iterable[Example]) -> None:
        for example in examples:
            self._keep(as_matrix(example.rows), example.label)

    def memory_bytes(self) -> int:
        return self._trees.memory_bytes() + sum(values.nbytes for values, _ in self._cases)

    def _keep(self, values: Matrix, label: int) -> None:
        self._cases.append((values, label))
        self._rows += len(values)
        while self._rows > self.settings.rows_max and len(self._cases) > 1:
            oldest, _ = self._cases.popleft()
            self._rows -= len(oldest)

    def _base_rate(self) -> float:
        return (sum(label for _, label in self._cases) + 1) / (len(self._cases) + 2)
