"""Gradient-boosted trees as arrays: what the challenger predicts with, beside the champion.

`boosting.py` grows them with scikit-learn, in another process; here they are only evaluated. So a
scorer needs no scikit-learn, a snapshot needs no pickle, and no version of a library is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import BadInput
from models.learners.arrays import Packed, pack, parse, unpack

VERSION = 1
CELLS_MAX = 1 << 17  # rows times trees that are looked at together; bounds the memory of a call
DEPTH_MAX = 64
HUGE = np.finfo(np.float64).max

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


class Form(msgspec.Struct, tag_field="v", tag=VERSION):
    """The state as msgpack."""

    features: int
    base: float
    roots: Packed
    feature: Packed
    threshold: Packed
    left: Packed
    right: Packed
    value: Packed
    missing_left: Packed


_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True)
class Trees:
    """Trees over N nodes whose values add up to log odds. Immutable.

    features: F, values in a row. base: log odds before the first tree. roots: shape (trees,).
    All others have shape (N,); children stand behind their parent, a leaf is its own child.
    A row goes left when its value at `feature` is at most `threshold`; when it is NaN, as
    `missing_left` says. value: of a leaf what it adds; of another node the mean of the leaves
    below, weighted by the rows that reached them when it was grown, so that a path has reasons.
    """

    features: int
    base: float
    roots: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    missing_left: NDArray[np.uint8]
    _place: Ints = field(init=False, repr=False)  # of a node's value in a row of `_halves`
    _limit: Floats = field(init=False, repr=False)
    _children: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises BadInput for arrays that are no trees."""
        self._check()
        place = np.where(self.missing_left, self.feature, self.feature + self.features)
        object.__setattr__(self, "_place", place.astype(np.int32))
        object.__setattr__(self, "_limit", np.clip(self.threshold, -HUGE, HUGE))
        object.__setattr__(self, "_children", np.stack([self.left, self.right], axis=1).ravel())

    def log_odds(self, values: NDArray[np.float32]) -> Floats:
        """Shape (n,) for values of shape (n, F)."""
        step = max(1, CELLS_MAX // max(1, len(self.roots)))
        found = [self._sums(values[at : at + step]) for at in range(0, len(values), step)]
        return np.concatenate([np.empty(0), *found])

    def contributions(self, values: NDArray[np.float32]) -> tuple[float, Floats]:
        """(bias, shape (F,)) of one row, shape (F,); together they are its log odds.

        Along each path every split gives its feature the change of `value` (Saabas, "Interpreting
        random forests", 2014). Cheaper than Shapley values, and biased towards late splits
        (Lundberg et al., "Consistent individualized feature attribution", 2018, arXiv:1802.03888).
        """
        added = np.zeros(self.features)
        for node, child in self._steps(values[np.newaxis]):
            change = self.value[child] - self.value[node]
            added += np.bincount(self.feature[node[0]], change[0], self.features)
        return self.base + float(self.value[self.roots].sum()), added

    def dump(self) -> bytes:
        """Explicit and versioned."""
        arrays = (pack(self.roots, "<i4"), pack(self.feature, "<i4"), pack(self.threshold, "<f8"),
                  pack(self.left, "<i4"), pack(self.right, "<i4"), pack(self.value, "<f8"),
                  pack(self.missing_left, "|u1"))  # fmt: skip
        return _encode(Form(self.features, self.base, *arrays))

    @classmethod
    def load(cls, state: bytes) -> Trees:
        """The inverse of `dump`. Raises BadInput for what is no such state."""
        form = parse(state, Form, "trees")
        return cls(
            form.features, form.base, unpack(form.roots, "<i4", 1), unpack(form.feature, "<i4", 1),
            unpack(form.threshold, "<f8", 1), unpack(form.left, "<i4", 1),
            unpack(form.right, "<i4", 1), unpack(form.value, "<f8", 1),
            unpack(form.missing_left, "|u1", 1),
        )  # fmt: skip

    def memory_bytes(self) -> int:
        return sum(part.nbytes for part in vars(self).values() if isinstance(part, np.ndarray))

    def _sums(self, values: NDArray[np.float32]) -> Floats:
        leaves: Any = np.broadcast_to(self.roots, (len(values), len(self.roots)))
        for _, child in self._steps(values):
            leaves = child
        sums: Floats = self.value[leaves].sum(axis=1)
        return self.base + sums

    def _steps(self, values: NDArray[np.float32]) -> Iterator[tuple[Ints, Ints]]:
        """From each level to the next, until every row is at a leaf; shapes (n, trees)."""
        halves = _halves(values)
        row = (np.arange(len(values)) * halves.shape[1])[:, np.newaxis]
        flat = halves.ravel()
        node: Any = np.broadcast_to(self.roots, (len(values), len(self.roots)))
        for _ in range(DEPTH_MAX):
            right = flat[self._place[node] + row] > self._limit[node]
            child = self._children[2 * node + right]
            if np.array_equal(child, node):
                return
            yield node, child
            node = child

    def _check(self) -> None:
        nodes = np.arange(len(self.value))
        rows = (self.feature, self.threshold, self.left, self.right, self.missing_left)
        sound = (
            0 < self.features < 1 << 24
            and all(len(row) == len(nodes) < 1 << 30 for row in rows)
            and _within(self.roots, len(nodes))
            and _within(self.feature, self.features)
            and all(_within(child, len(nodes)) for child in (self.left, self.right))
            and bool(((self.left > nodes) == (self.right > nodes)).all())
            and bool(((self.left >= nodes) & (self.right >= nodes)).all())
            and bool(np.isfinite(self.value).all() and np.isfinite(self.base))
            and not np.isnan(self.threshold).any()
        )
        if not sound:
            raise BadInput("bad_model_state", "these arrays are no trees")


def without_splits(features: int, base: float) -> Trees:
    """No trees: every row has these log odds.

    >>> without_splits(2, -1.0).log_odds(np.zeros((3, 2), np.float32)).tolist()
    [-1.0, -1.0, -1.0]
    """
    none, numbers = np.empty(0, np.int32), np.empty(0)
    return Trees(features, base, none, none, numbers, none, none, numbers, np.empty(0, np.uint8))


def _within(index: Ints, size: int) -> bool:
    return bool(((index >= 0) & (index < size)).all())


def _halves(values: NDArray[np.float32]) -> Floats:
    """Shape (n, 2 F): a row twice, missing values as -inf, then as inf; so one compare decides."""
    low = values.astype(np.float64)
    np.clip(low, -HUGE, HUGE, out=low)  # a true infinity stays below a missing value
    missing = np.isnan(low)
    high = np.where(missing, np.inf, low)
    low[missing] = -np.inf
    return np.concatenate([low, high], axis=1)
