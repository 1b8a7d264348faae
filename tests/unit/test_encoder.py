"""Target encodings: what matured labels tell, and nothing else."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadInput
from models.learners.base import Example, Row, Schema
from models.learners.encoder import SMOOTHING, WORDS_MAX, Encoder

RAW = Schema(("hour",), ("team", "page"))

words = st.sampled_from(["red", "blue", ""])
cases = st.lists(
    st.tuples(st.lists(st.tuples(words, words), min_size=1, max_size=4), st.integers(0, 1)),
    max_size=15,
)


def row(team: str, page: str = "") -> Row:
    return Row(np.zeros(1, np.float32), (team, page), "task", "case", 0)


def case(teams: list[tuple[str, str]], label: int) -> Example:
    return Example("case", tuple(row(*each) for each in teams), label, 0)


@given(cases)
def test_encodings_are_the_smoothed_rates_of_the_cases_that_had_the_word(
    history: list[tuple[list[tuple[str, str]], int]],
) -> None:
    encoder = Encoder(RAW)
    for teams, label in history:
        encoder.learn_case(case(teams, label))

    said = encoder.encode(row("red")).values[1]

    own = [label for teams, label in history if any(team == "red" for team, _ in teams)]
    base = (sum(label for _, label in history) + 1) / (len(history) + 2)
    rate = (sum(own) + SMOOTHING * base) / (len(own) + SMOOTHING)
    assert said == pytest.approx(log(rate / (1 - rate)) - log(base / (1 - base)), abs=1e-5)


def test_a_word_that_was_never_seen_says_nothing() -> None:
    encoder = Encoder(RAW)
    for label in (1, 1, 0):
        encoder.learn_case(case([("red", "")], label))

    assert encoder.encode(row("green")).values[1] == 0


def test_the_recent_rate_follows_a_change() -> None:
    encoder = Encoder(RAW)
    for label in [0] * 500 + [1] * 100:
        encoder.learn_case(case([("red", "")], label))
    *_, fifty, five_hundred = encoder.encode(row("red")).values

    assert fifty > 1
    assert five_hundred < 0


def test_a_row_keeps_its_raw_values_in_front() -> None:
    encoder = Encoder(RAW)
    raw = Row(np.array([7], np.float32), ("red", "x"), "task", "case", 5)

    encoded = encoder.encode(raw)

    assert encoded.values[0] == 7
    assert encoded.values.shape == (len(encoder.schema.names),)
    assert (encoded.words, encoded.case, encoded.moment) == (("red", "x"), "case", 5)


def test_words_are_bounded_and_the_one_silent_longest_gives_way() -> None:
    encoder = Encoder(RAW)
    encoder.learn_case(case([("first", "")], 1))
    encoder.learn_case(case([("second", "")], 1))
    for i in range(WORDS_MAX - 2):
        encoder.learn_case(case([(f"team-{i}", "")], i % 2))
    encoder.learn_case(case([("first", "")], 1))
    encoder.learn_case(case([("newcomer", "")], 1))

    first, second = (encoder.encode(row(team)).values[1] for team in ("first", "second"))

    assert first > 0
    assert second == 0


@given(cases, cases)
def test_after_a_restart_all_goes_on_as_if_there_were_none(
    before: list[tuple[list[tuple[str, str]], int]], after: list[tuple[list[tuple[str, str]], int]]
) -> None:
    never = Encoder(RAW)
    for each in before:
        never.learn_case(case(*each))
    again = Encoder.load(never.dump())
    for each in after:
        never.learn_case(case(*each))
        again.learn_case(case(*each))

    assert never.dump() == again.dump()
    assert again.schema == never.schema


def test_a_state_that_does_not_fit_is_refused() -> None:
    for broken in (b"", b"\x90", Encoder(RAW).dump()[:-1]):
        with pytest.raises(BadInput, match="bad_model_state"):
            Encoder.load(broken)
