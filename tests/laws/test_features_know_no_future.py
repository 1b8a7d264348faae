"""Law of features: a row is a function of the events up to it, whatever comes later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import Calendar
from models.event import Event, place
from models.learners.base import Row
from models.learners.case_features import AccountFeatures, CaseFeatures, Tally
from models.learners.features import Features
from models.opening import CalendarForm
from models.task import Task
from tests.story import OFFICE

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
TASK = Task.model_validate(
    {
        "id": "task",
        "version": "1.0.0",
        "title": "t",
        "starts": [{"where": "true"}],
        "positive": [{"type": "deal.won"}],
        "negative": [{"type": "deal.lost"}],
        "horizon": "30d",
        "score_at": ["page.viewed"],
        "features": {
            "types": ["page.viewed", "quote.asked"],
            "numbers": ["data.amount"],
            "words": ["data.page"],
            "load": ["data.team"],
            "momentum": True,
            "calendar": "office",
        },
    }
)
FEATURES = Features(TASK, Calendar(CalendarForm.model_validate(OFFICE)))

events = st.builds(
    lambda hours, type, case, data: (hours, type, case, data),
    st.floats(0, 2000, allow_nan=False),
    st.sampled_from(["page.viewed", "quote.asked", "call.made", "mail.sent", "demo.given"]),
    st.sampled_from(["one", "two"]),
    st.fixed_dictionaries(
        {},
        optional={
            "amount": st.one_of(st.integers(-5, 10**400), st.floats(), st.text(max_size=2)),
            "page": st.text(max_size=3),
            "team": st.sampled_from(["red", "blue", ""]),
        },
    ),
)
histories = st.lists(events, max_size=12)


class Book:
    """The cases of one account in one partition."""

    def __init__(self) -> None:
        self.account = AccountFeatures(Tally(0))
        self.workload = FEATURES.workload()
        self.cases: dict[str, CaseFeatures] = {}

    def rows(self, history: list[Any]) -> list[Row]:
        """The row at each event, in the order of the log."""
        return [self.advance(*each) for each in history]

    def advance(self, hours: float, type: str, case: str, data: dict[str, Any]) -> Row:
        event = place(
            Event(
                specversion="1.0", id="1", source="//s", type=type, subject="acme",
                time=START + timedelta(hours=hours), data=data,
            ),
            0,
        )  # fmt: skip
        state = self.cases.get(case)
        if state is None:
            state = self.cases[case] = FEATURES.start(self.account, event.at)
        FEATURES.advance(state, self.account, self.workload, event)
        return FEATURES.row(state, self.account, self.workload, name=("acme", case), momentum=0.5)

    def restored(self) -> Book:
        """As after a restart: all of it through bytes."""
        book = Book()
        book.account = _through_bytes(self.account)
        book.cases = {name: _through_bytes(case) for name, case in self.cases.items()}
        book.workload.restore(self.workload.dump())
        return book


def _through_bytes(state: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))


def told(rows: list[Row]) -> list[Any]:
    """Comparable to the last bit; what is not known equals what is not known."""
    return [(row.values.tobytes(), row.words, row.case, row.moment) for row in rows]


@given(histories, histories, st.randoms(use_true_random=False))
def test_the_future_changes_nothing(past: list[Any], future: list[Any], chance: Any) -> None:
    shuffled = list(future)
    chance.shuffle(shuffled)

    alone = told(Book().rows(past))

    assert told(Book().rows(past + future))[: len(past)] == alone
    assert told(Book().rows(past + shuffled))[: len(past)] == alone


@given(histories, histories)
def test_rows_that_were_given_out_stay_as_they_were(past: list[Any], future: list[Any]) -> None:
    book = Book()
    rows = book.rows(past)
    before = told(rows)

    book.rows(future)

    assert told(rows) == before


@given(histories, histories)
def test_restored_state_goes_on_with_equal_rows(past: list[Any], future: list[Any]) -> None:
    book = Book()
    book.rows(past)
    restored = book.restored()

    assert told(restored.rows(future)) == told(book.rows(future))


@given(histories)
def test_every_row_fits_the_schema(history: list[Any]) -> None:
    for row in Book().rows(history):
        assert row.values.shape == (len(FEATURES.schema.names),)
        assert row.values.dtype == np.float32
        assert len(row.words) == len(FEATURES.schema.words)
        assert not np.isinf(row.values).any()


def test_no_two_columns_have_the_same_name() -> None:
    names = FEATURES.schema.names
    assert len(set(names)) == len(names)
