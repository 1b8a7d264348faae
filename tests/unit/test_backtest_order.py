"""Events in the order of time: set right in a buffer, refused beyond it, or sorted on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BadSetting
from models.event import Event, place
from streams.backtest.order import in_order, merged, sorted_on_disk

START = datetime(2026, 3, 2, tzinfo=UTC)
FILE = Path("events.jsonl")


def events(*minutes: int) -> list[Event]:
    """One a line; the id says at which."""
    return [
        place(
            Event(
                specversion="1.0", id=f"{line}", source="//s", type="a.b", subject="acme",
                time=START + timedelta(minutes=minute), data={"line": line},
            ),
            line,
        )
        for line, minute in enumerate(minutes, 1)
    ]  # fmt: skip


def ids(found: list[Event]) -> list[int]:
    return [int(event.id) for event in found]


def test_a_file_that_is_nearly_in_order_is_set_right_and_ties_stay() -> None:
    assert ids(list(in_order(events(5, 3, 3, 7, 5), FILE, buffer=2))) == [2, 3, 1, 5, 4]


def test_an_event_that_comes_too_late_for_the_buffer_is_refused_with_its_line() -> None:
    with pytest.raises(BadSetting, match=r"events\.jsonl:5: .* 180 s older .*--sort"):
        list(in_order(events(1, 2, 3, 4, 0, 9), FILE, buffer=1))


def test_the_same_file_is_read_with_a_larger_buffer() -> None:
    assert ids(list(in_order(events(1, 2, 3, 4, 0, 9), FILE, buffer=4))) == [5, 1, 2, 3, 4, 6]


@settings(deadline=None)
@given(minutes=st.lists(st.integers(0, 20), max_size=60), piece=st.integers(1, 70))
def test_sorting_on_disk_is_sorting(minutes: list[int], piece: int) -> None:
    expected = sorted(events(*minutes), key=lambda event: event.at)
    found = list(sorted_on_disk(events(*minutes), piece))
    assert ids(found) == ids(expected)
    assert [event.at for event in found] == [event.at for event in expected]


@given(minutes=st.lists(st.integers(0, 20), max_size=60))
def test_a_buffer_as_large_as_the_file_sorts_it(minutes: list[int]) -> None:
    expected = sorted(events(*minutes), key=lambda event: event.at)
    assert ids(list(in_order(events(*minutes), FILE, buffer=60))) == ids(expected)


def test_several_files_are_one_log_and_ties_go_by_the_order_of_their_names() -> None:
    first, second = events(1, 3, 5), events(1, 2, 5)
    found = list(merged([iter(first), iter(second)]))
    assert [event.at // 60_000 % 60 for event in found] == [1, 1, 2, 3, 5, 5]
    assert found[0] is first[0]
    assert found[-1] is second[-1]


def test_the_offset_of_a_time_outlives_the_disk() -> None:
    """It decides where a day ends for an account that told no zone."""
    [event] = events(0)
    event.time = datetime.fromisoformat("2026-03-02T09:00:00+08:00")
    found = list(sorted_on_disk([event, event], piece=1))
    assert {one.time.isoformat() for one in found} == {"2026-03-02T09:00:00+08:00"}
