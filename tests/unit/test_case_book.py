"""The case book alone: its bounds, what is news, and that it can be put down and taken up."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadInput, Unavailable
from models.event import Event, place
from models.learners import registry
from models.learners.base import Example, Row
from models.learners.encoder import Encoder
from models.learners.kept import Said, keep_row, read_row
from models.learners.scorer import RECENT_MAX, RECENT_MIN, Loaded, Recent
from models.learners.snapshot import Model
from models.task import Task
from rules import case_book
from rules.case_book import CaseBook
from rules.case_state import VERSION, encode_states, read_due
from rules.lines import Lines, lines_of
from rules.scoring import Scoring
from rules.threshold import compile_threshold
from tests.story import START, rule_set

TICKETS: dict[str, Any] = {
    "id": "late",
    "version": "1.0.0",
    "title": "The ticket will be late",
    "case": ["data.ticket"],
    "starts": [{"type": "ticket.opened"}],
    "positive": [{"type": "ticket.closed", "where": "data.late"}],
    "negative": [{"type": "ticket.closed"}],
    "horizon": "10d",
    "score_at": ["ticket.opened", "ticket.touched"],
    "features": {"types": ["ticket.opened", "ticket.touched"], "numbers": ["data.size"],
                 "load": ["data.team"]},
    "minimum": {"cases": 2, "positives": 1, "negatives": 1},
}  # fmt: skip
DAY_MS = 86_400_000
BYTES_MAX = 1_000_000


class Book:
    """A case book and its log."""

    def __init__(self, **changes: Any) -> None:
        self.stats: Counter[str] = Counter()
        scoring = Scoring(Task.model_validate({**TICKETS, **changes}))
        self.book = CaseBook([scoring], ("log", 0), 0.05, lambda account: 0.0, self.stats)
        self.desk = self.book.desks["late"]
        self.offsets = count()

    def event(self, type: str, ticket: str = "T1", account: str = "acme", **data: Any) -> Book:
        offset = next(self.offsets)
        event = Event(
            specversion="1.0", id=f"e{offset}", source="//test", type=type, time=START,
            subject=account, data={"ticket": ticket, **data},
        )  # fmt: skip
        self.book.advance(place(event, offset))
        return self

    def with_model(self) -> Book:
        """One that has learned that size matters."""
        encoder = Encoder(self.desk.scoring.features.schema)
        learner = registry.make("logistic", encoder.schema)
        at = encoder.schema.names.index("data.size")
        for case in range(60):
            values = np.zeros(len(encoder.schema.names), np.float32)
            values[at] = case % 2 * 5
            row = Row(values, ("",) * len(encoder.raw.words), "late", str(case), case)
            example = Example(str(case), (row,), case % 2, case)
            learner.learn_case(example)
            encoder.learn_case(example)
        loaded = Loaded("logistic", 3, Model(encoder, learner))
        self.book.activate("late", loaded, shadow=False)
        return self

    @property
    def values(self) -> list[float | None]:
        return [score.value for score in self.book.scores]

    @property
    def rows(self) -> int:
        states = self.book.accounts.find("acme") or {}
        return sum(len(c.rows) for state in states.values() for c in state.scored.values())


def test_rows_of_a_long_case_are_thinned_and_it_is_counted() -> None:
    book = Book().event("ticket.opened")
    for _ in range(200):
        book.event("ticket.touched")
    assert 32 <= book.rows <= case_book.ROWS_MAX
    assert book.stats["score_rows_thinned"] > 0
    book.event("ticket.closed")
    moments = [row.moment for row in book.book.examples[0].rows]
    assert moments == sorted(moments)


def test_rows_of_an_account_have_a_bound_whatever_the_number_of_cases() -> None:
    book = Book()
    for ticket in range(60):
        book.event("ticket.opened", f"T{ticket}")
        for _ in range(20):
            book.event("ticket.touched", f"T{ticket}")
    assert book.rows <= case_book.ACCOUNT_ROWS_MAX


def test_what_no_record_can_hold_loses_its_rows_and_goes_on() -> None:
    book = Book().event("ticket.opened")
    assert len(book.book.accounts.encode("acme", 10)) > 10
    assert (book.rows, book.stats["score_state_too_large"]) == (0, 1)
    book.event("ticket.touched").event("ticket.closed")
    assert len(book.book.examples[0].rows) == 1


def test_a_score_is_news_when_it_is_the_first_moves_or_crosses_a_line() -> None:
    book = Book().with_model().event("ticket.opened", size=0)
    book.event("ticket.touched", size=0)
    assert len(book.values) == 1
    book.event("ticket.touched", size=100)
    (first, moved) = book.values
    assert first is not None
    assert moved is not None
    assert moved - first >= 0.05
    name = book.book.scores[-1].reasons[0].feature
    assert name == "data.size"
    book.book.lines = {"late": Lines(every=True)}
    book.event("ticket.touched", size=101)
    assert len(book.values) == 3


def test_a_withheld_score_is_told_once_and_again_when_it_is_none_no_more() -> None:
    book = Book().event("ticket.opened").event("ticket.touched")
    assert book.values == [None]
    book.with_model().event("ticket.touched")
    assert book.values[1] is not None
    book.book.activate("late", None, shadow=False)
    book.event("ticket.touched").event("ticket.touched")
    assert book.values[2:] == [None]


def test_lines_come_from_the_task_and_from_rules_that_read_it() -> None:
    rules = rule_set(
        {"kind": "score", "task": "late", "when": {"value": "> 0.7"}},
        {"kind": "score", "task": "other", "when": {"drop": ">= 0.3 within 7d"}},
    )
    task = Task.model_validate({**TICKETS, "thresholds": [0.5]})
    found = lines_of(rules, [task])
    assert found["late"].is_crossed(0.49, 0.5)
    assert found["late"].is_crossed(0.71, 0.69)
    assert not found["late"].is_crossed(0.51, 0.69)
    assert found["other"].is_crossed(0.2, 0.2001)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_line_is_crossed_exactly_when_the_rule_would_change_its_mind(a: float, b: float) -> None:
    asks = compile_threshold("> 0.7")
    assert Lines((asks,)).is_crossed(a, b) == (asks(a) != asks(b))


@given(st.lists(st.floats(0, 1), max_size=1_300), st.floats(0, 1))
def test_the_rank_is_that_among_the_last_thousand(values: list[float], value: float) -> None:
    recent = Recent()
    for one in values:
        recent.add(one)
    last = values[-RECENT_MAX:]
    if len(last) < RECENT_MIN:
        assert recent.rank(value) is None
    else:
        halves = sum(2 if one < value else one == value for one in last)
        assert recent.rank(value) == pytest.approx(50 * halves / len(last))


@given(st.integers(0, 60))
def test_put_down_and_taken_up_it_goes_on_as_if_nothing_had_been(cut: int) -> None:
    """Cases, rows, workload, rank: after any event, from its bytes alone."""
    told = []
    for is_cut in (False, True):
        book = Book().with_model()
        for step in range(60):
            if is_cut and step == cut:
                book = taken_up(book)
            kind = ("ticket.opened", "ticket.touched", "ticket.touched", "ticket.closed")[step % 4]
            ticket, team = f"T{step // 4 % 3}", f"team {step % 5}"
            book.event(kind, ticket, f"a{step // 8}", size=step % 7, team=team, late=step % 3 == 0)
        told.append((book.book.scores, book.book.examples, book.desk.pending, book.desk.dump()))
    assert told[0] == told[1]


def taken_up(book: Book) -> Book:
    """Another one, made from what the changelog would hold."""
    again = Book().with_model()
    accounts = book.book.accounts
    ids = list(accounts.dirty)
    again.book.accounts.add((id, accounts.encode(id, BYTES_MAX)) for id in ids)
    again.desk.restore(book.desk.dump())
    again.offsets, again.book.scores = book.offsets, book.book.scores
    again.book.examples = book.book.examples
    again.book.accounts.dirty.update(ids)
    for id in ids:
        again.book.accounts.find(id)
    return again


def test_damaged_state_is_told_and_not_skipped() -> None:
    data = encode_states({})
    for bad in (b"", data[:3], data[:-1] + b"?"):
        with pytest.raises(ValueError, match=r"front|checksum"):
            read_due(bad)
    with pytest.raises(Unavailable, match="later"):
        read_due(bytes([VERSION + 1]) + data[1:])


@given(st.integers(0, 40), st.data())
def test_a_kept_row_is_the_row(width: int, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.floats(width=32), min_size=width, max_size=width))
    row = Row(np.array(numbers, np.float32), ("a", ""), "late", "case", 7)
    kept = keep_row(row, (Said("logistic@1", 0.5),))
    again = read_row(kept, "late", "case", width)
    assert again.values.tobytes() == row.values.tobytes()
    assert (again.words, again.moment) == (row.words, row.moment)
    with pytest.raises(BadInput, match="values"):
        read_row(kept, "late", "case", width + 1)
