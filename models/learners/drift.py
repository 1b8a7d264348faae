"""Watches whether the world that a model learned from still stands: drift of error and of inputs.

Beside the learners, fed with each matured case before it is learned. River's ADWIN (Bifet, Gavaldà,
SDM 2007) and Page-Hinkley (Page, Biometrika 41, 1954). It only tells; nothing is forgotten for it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from importlib.metadata import version
from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from river.base import DriftDetector
from river.drift import ADWIN, PageHinkley

from models.errors import BadInput
from models.learners.arrays import Packed, pack, parse, unpack
from models.learners.base import Schema, Vector

VERSION = 1
RIVER = version("river")
ERROR = "error"
DELTA = 0.002  # chance of a false alarm that ADWIN allows itself, shared out among the inputs
# Page-Hinkley sums what is beyond the mean by more than `delta`. Where nothing changes, a sum gets
# to a threshold h with a chance near exp(-2 delta h / variance) each time that it starts: 1e-6.
ERROR_DELTA, ERROR_THRESHOLD = 0.05, 14.0  # for a standard deviation of 0.3
INPUT_DELTA, INPUT_THRESHOLD = 0.25, 28.0  # in standard deviations
INPUT_MIN = 100  # cases before an input is watched: until then its scale is a guess
CLIP = 3.0  # standard deviations

Floats = NDArray[np.float64]


class Drift(NamedTuple):
    """An alarm. of: `error` or the name of an input. cases: how many were seen. at: ms."""

    of: str
    detector: str
    cases: int
    at: int


class _Adwin(msgspec.Struct, array_like=True, frozen=True):
    detected: bool
    window: bytes


class _PageHinkley(msgspec.Struct, array_like=True, frozen=True):
    """n, mean: of what was seen. up, down: the sums; lowest, highest: where they have been."""

    detected: bool
    n: float
    mean: float
    up: float
    down: float
    lowest: float
    highest: float


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    river: str
    names: tuple[str, ...]
    words: tuple[str, ...]
    cases: int
    counts: list[tuple[str, str, int]]
    moments: Packed
    adwins: list[_Adwin]
    page_hinkleys: list[_PageHinkley]


class DriftWatch:
    """Two detectors on the error, two on each input. Bounded: ADWIN keeps O(log n) sums.

    counts: alarms by (of, detector). Inputs are standardised by what came before them, and clipped;
    a missing one is not seen.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.cases = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        width = len(schema.names)
        self._moments = np.zeros((3, width))  # seen, mean, sum of squares about it
        share = DELTA / width
        self._adwins = [ADWIN(delta=DELTA), *(ADWIN(delta=share) for _ in range(width))]
        self._page_hinkleys = [
            PageHinkley(delta=ERROR_DELTA, threshold=ERROR_THRESHOLD),
            *(PageHinkley(delta=INPUT_DELTA, threshold=INPUT_THRESHOLD) for _ in range(width)),
        ]

    def advance(self, error: float, values: Vector, at: int) -> list[Drift]:
        """One matured case: |label - what was said|, one of its rows, shape (F,), and when, ms.

        One row a case: rows of the same case resemble each other, and would pass for drift.
        """
        self.cases += 1
        told = self._ask(0, ERROR, error, at)
        inputs = self._standardised(values)
        for place in np.flatnonzero(~np.isnan(inputs)).tolist():
            name = self.schema.names[place]
            told += self._ask(1 + place, name, float(inputs[place]), at)
        self.counts.update((drift.of, drift.detector) for drift in told)
        return told

    def dump(self) -> bytes:
        """Explicit, but for ADWIN's window: that is as River's own `__getstate__` writes it."""
        counts = [(of, detector, count) for (of, detector), count in self.counts.items()]
        state = msgspec.msgpack.encode(
            _State(VERSION, RIVER, self.schema.names, self.schema.words, self.cases, counts,
                   pack(self._moments, "<f8"), [_adwin_state(one) for one in self._adwins],
                   [_page_hinkley_state(one) for one in self._page_hinkleys])
        )  # fmt: skip
        return _checksum(state) + state

    @classmethod
    def load(cls, state: bytes) -> Self:
        """The inverse of `dump`. Raises BadInput for damaged bytes or those of another River."""
        if state[:16] != _checksum(state[16:]):  # River ends the process at a window that is none
            raise BadInput("bad_model_state", "drift: the checksum does not fit")
        found = parse(state[16:], _State, "drift")
        if (found.version, found.river) != (VERSION, RIVER):
            raise BadInput(
                "bad_model_state",
                f"drift of River {found.river}, format {found.version}; here it is River {RIVER},"
                f" format {VERSION}: start it anew",
            )
        watch = cls(Schema(found.names, found.words))
        watch.cases, watch._moments = found.cases, unpack(found.moments, "<f8", 2)
        watch.counts.update({(of, detector): count for of, detector, count in found.counts})
        for adwin, was in zip(watch._adwins, found.adwins, strict=True):
            _restore_adwin(adwin, was)
        for page_hinkley, kept in zip(watch._page_hinkleys, found.page_hinkleys, strict=True):
            _restore_page_hinkley(page_hinkley, kept)
        return watch

    def _ask(self, place: int, of: str, value: float, at: int) -> list[Drift]:
        told = []
        detectors: tuple[DriftDetector, ...] = self._adwins[place], self._page_hinkleys[place]
        for detector in detectors:
            detector.update(value)
            if detector.drift_detected:
                told.append(Drift(of, type(detector).__name__, self.cases, at))
        return told

    def _standardised(self, values: Vector) -> Floats:
        """By the moments before this row, which then enters them (Welford, 1962)."""
        seen, mean, square = self._moments
        known = np.isfinite(values)
        deviation = np.sqrt(square / np.maximum(seen, 1))
        watched = known & (seen >= INPUT_MIN) & (deviation > 0)
        inputs = np.full(len(values), np.nan)
        inputs[watched] = ((values - mean)[watched] / deviation[watched]).clip(-CLIP, CLIP)
        seen += known
        change = np.where(known, values - mean, 0.0)
        mean += change / np.maximum(seen, 1)
        square += change * np.where(known, values - mean, 0.0)
        return inputs


def _checksum(state: bytes) -> bytes:
    return hashlib.blake2b(state, digest_size=16).digest()


def _adwin_state(adwin: ADWIN) -> _Adwin:
    return _Adwin(adwin.drift_detected, adwin._helper.__getstate__())


def _restore_adwin(adwin: ADWIN, was: _Adwin) -> None:
    adwin._drift_detected = was.detected
    adwin._helper.__setstate__(was.window)


def _page_hinkley_state(one: PageHinkley) -> _PageHinkley:
    return _PageHinkley(
        one.drift_detected, one._x_mean.n, one._x_mean.get(), one._sum_increase,
        one._sum_decrease, one._min_increase, float(one._max_decrease),
    )  # fmt: skip


def _restore_page_hinkley(one: PageHinkley, was: _PageHinkley) -> None:
    one._drift_detected = was.detected
    one._x_mean.n, one._x_mean._mean = was.n, was.mean
    one._sum_increase, one._sum_decrease = was.up, was.down
    one._min_increase = was.lowest
    one._max_decrease = was.highest  # type: ignore[assignment]  # River says int, and adds floats
