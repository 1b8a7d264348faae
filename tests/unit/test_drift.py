"""Drift is told once the world changes, and not while it stands still."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BadInput
from models.learners import drift
from models.learners.base import Schema
from models.learners.drift import ERROR, Drift, DriftWatch

INPUTS = Schema(("hour", "amount", "always"), ())
DAY_MS = 86_400_000


def life(
    seed: int, cases: int, *, changes: str = "", at: int = 0
) -> list[tuple[float, np.ndarray]]:
    """Error and inputs of so many cases; from `at` on the named one is another."""
    chance = np.random.default_rng(seed)
    told = []
    for case in range(cases):
        moved = case >= at
        error = chance.uniform(0.5, 1) if moved and changes == ERROR else chance.uniform(0, 0.5)
        amount = chance.normal(4 if moved and changes == "amount" else 0)
        told.append((error, np.float32([chance.normal(), amount, 7])))
    return told


def run(watch: DriftWatch, cases: list[tuple[float, np.ndarray]], first: int = 0) -> list[Drift]:
    return [
        found
        for case, (error, values) in enumerate(cases, first)
        for found in watch.advance(error, values, case * DAY_MS)
    ]


@pytest.mark.parametrize("changes", [ERROR, "amount"])
def test_both_detectors_tell_what_has_changed_soon_after_it_has(changes: str) -> None:
    watch = DriftWatch(INPUTS)
    told = run(watch, life(1, 1_000, changes=changes, at=600))
    assert {(d.of, d.detector) for d in told} == {(changes, "ADWIN"), (changes, "PageHinkley")}
    for detector in ("ADWIN", "PageHinkley"):
        first = next(d for d in told if d.detector == detector)
        assert 600 < first.cases < 800
        assert first.at == (first.cases - 1) * DAY_MS
    assert sum(watch.counts.values()) == len(told)


@pytest.mark.parametrize("seed", range(5))
def test_a_world_that_stands_still_raises_no_alarm(seed: int) -> None:
    assert run(DriftWatch(INPUTS), life(seed, 3_000)) == []


def test_an_input_that_is_missing_or_never_moves_is_not_watched() -> None:
    watch = DriftWatch(INPUTS)
    for case in range(500):
        values = np.float32([np.nan, np.inf if case % 2 else np.nan, 7])
        assert watch.advance(0.1, values, case) == []
    assert watch.cases == 500


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1_000), st.integers(0, 700), st.sampled_from(("", ERROR, "amount")))
def test_stopped_and_loaded_it_tells_what_it_would_have_told(
    seed: int, stop: int, changes: str
) -> None:
    """Also when it stops right after an alarm, at which the detectors begin anew."""
    cases = life(seed, 900, changes=changes, at=500)
    whole, stopped = DriftWatch(INPUTS), DriftWatch(INPUTS)
    told = run(whole, cases)
    before = run(stopped, cases[:stop])
    again = DriftWatch.load(stopped.dump())
    assert before + run(again, cases[stop:], stop) == told
    assert again.dump() == whole.dump()
    assert again.counts == whole.counts


def test_stopped_at_the_very_alarm() -> None:
    cases = life(1, 1_000, changes=ERROR, at=600)
    first = run(DriftWatch(INPUTS), cases)[0].cases
    stopped = DriftWatch(INPUTS)
    run(stopped, cases[:first])
    again = DriftWatch.load(stopped.dump())
    assert run(again, cases[first:], first) == run(stopped, cases[first:], first)


def test_damaged_bytes_and_those_of_another_river_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = DriftWatch(INPUTS)
    run(watch, life(1, 50))
    state = watch.dump()
    for place in range(0, len(state), 37):
        damaged = bytearray(state)
        damaged[place] ^= 1
        with pytest.raises(BadInput, match="checksum"):
            DriftWatch.load(bytes(damaged))
    monkeypatch.setattr(drift, "RIVER", "0.1.0")
    with pytest.raises(BadInput, match=r"here it is River 0\.1\.0"):
        DriftWatch.load(state)
