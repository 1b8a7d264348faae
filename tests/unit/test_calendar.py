"""Business time, against a brute force that steps through it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.calendar import Calendar, UncoveredYear, day_end
from models.opening import CalendarForm

LEGAL: dict[str, Any] = {
    "id": "cn-legal",
    "version": "2026.1",
    "tz": "Asia/Shanghai",
    "week": {"mon-fri": ["09:00-12:00", "13:30-18:00"]},
    "years": {2026: {"holidays": ["2026-02-16", "2026-02-17"], "workdays": ["2026-02-14"]}},
}


def calendar(**fields: Any) -> Calendar:
    return Calendar(CalendarForm.model_validate({**LEGAL, **fields}))


def instant(text: str, tz: str = "Asia/Shanghai") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp())


def local(at_s: int, tz: str = "Asia/Shanghai") -> str:
    return datetime.fromtimestamp(at_s, ZoneInfo(tz)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("start", "hours", "until"),
    [
        ("2026-03-02 09:00", 2, "2026-03-02 11:00:00"),
        ("2026-03-02 11:00", 2, "2026-03-02 14:30:00"),  # over lunch
        ("2026-03-02 12:30", 1, "2026-03-02 14:30:00"),  # from within lunch
        ("2026-03-02 10:00", 2, "2026-03-02 12:00:00"),  # just before lunch, not after it
        ("2026-03-02 17:00", 2, "2026-03-03 10:00:00"),  # over night
        ("2026-03-06 17:00", 2, "2026-03-09 10:00:00"),  # over a weekend
        ("2026-02-13 17:00", 2, "2026-02-14 10:00:00"),  # a Saturday made up
        ("2026-02-14 17:00", 2, "2026-02-18 10:00:00"),  # over Sunday and two holidays
    ],
)
def test_business_hours_pass_only_while_open(start: str, hours: int, until: str) -> None:
    assert local(calendar().advance(instant(start), hours * 3600)) == until


@pytest.mark.parametrize(
    ("start", "days", "until"),
    [
        ("2026-03-02 10:15", 1, "2026-03-03 10:15:00"),
        ("2026-03-06 10:15", 1, "2026-03-09 10:15:00"),
        ("2026-03-06 20:00", 1, "2026-03-10 09:00:00"),  # counts from Monday's opening
        ("2026-03-02 12:30", 1, "2026-03-03 13:30:00"),
        ("2026-03-02 18:00", 1, "2026-03-04 09:00:00"),  # closed at exactly 18:00
        ("2026-02-13 10:00", 2, "2026-02-18 10:00:00"),
        ("2026-03-02 10:15", 0, "2026-03-02 10:15:00"),
    ],
)
def test_business_days_keep_the_local_time(start: str, days: int, until: str) -> None:
    assert local(calendar().add_days(instant(start), days)) == until


def test_nothing_passes_backwards_and_zero_is_the_start_itself() -> None:
    legal = calendar()
    night = instant("2026-03-02 23:00")
    assert legal.between(night, night - 86_400) == 0
    assert legal.advance(night, 0) == night


def test_a_make_up_day_may_have_hours_of_its_own() -> None:
    half = calendar(years={2026: {"workdays": {"2026-02-14": ["10:00-12:00"]}}})
    assert half.between(instant("2026-02-14 00:00"), instant("2026-02-15 00:00")) == 7200


def test_hours_may_touch() -> None:
    shifts = calendar(week={"mon-fri": ["06:00-14:00", "14:00-22:00"]})
    assert local(shifts.advance(instant("2026-03-02 13:00"), 7200)) == "2026-03-02 15:00:00"


def test_until_midnight_is_2400() -> None:
    night = calendar(week={"sat": ["22:00-24:00"], "sun": ["00:00-01:00"]}, years={2026: {}})
    friday = instant("2026-03-06 12:00")
    assert local(night.advance(friday, 3 * 3600)) == "2026-03-08 01:00:00"


@pytest.mark.parametrize(
    ("ask", "year"),
    [
        (lambda c: c.between(instant("2025-12-31 23:59"), instant("2026-01-05 09:00")), 2025),
        (lambda c: c.between(instant("2026-12-31 09:00"), instant("2027-01-01 00:01")), 2027),
        (lambda c: c.advance(instant("2026-12-31 17:00"), 3601), 2027),
        (lambda c: c.advance(instant("2028-05-05 17:00"), 1), 2028),
        (lambda c: c.add_days(instant("2026-12-31 09:00"), 1), 2027),
        (lambda c: c.add_days(instant("2026-12-31 18:00"), 0), 2027),
    ],
)
def test_a_year_that_is_not_in_the_file_is_an_error(ask: Any, year: int) -> None:
    with pytest.raises(UncoveredYear, match=f"cn-legal has no year {year}") as caught:
        ask(calendar())
    assert caught.value.reason == "calendar_year_missing"
    assert caught.value.year == year


def test_the_last_second_of_the_last_year_counts() -> None:
    legal = calendar()
    assert local(legal.advance(instant("2026-12-31 17:00"), 3600)) == "2026-12-31 18:00:00"
    assert legal.between(instant("2026-12-31 17:00"), instant("2027-01-01 00:00")) == 3600


def test_years_with_a_gap_do_not_count_through_it() -> None:
    gap = calendar(years={2016: {}, 2026: {}})
    assert gap.between(instant("2016-02-29 09:00"), instant("2016-02-29 10:00")) == 3600
    with pytest.raises(UncoveredYear, match="2017"):
        gap.between(instant("2016-12-30 09:00"), instant("2026-01-05 10:00"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tz": "Asia/Peking"}, "not an IANA time zone"),
        ({"week": {"mon-fri": ["9-12"]}}, "write hours as"),
        ({"week": {"mon-fri": ["12:00-09:00"]}}, "ends before it begins"),
        ({"week": {"mon-fri": ["09:00-09:00"]}}, "ends before it begins"),
        ({"week": {"mon-fri": ["09:00-12:00", "11:00-18:00"]}}, "in order and not overlap"),
        ({"week": {"mon-fri": ["09:00-12:00"], "fri": []}}, "names fri twice"),
        ({"week": {"fri-mon": ["09:00-12:00"]}}, "runs backwards"),
        ({"week": {"freitag": ["09:00-12:00"]}}, "write a weekday"),
        ({"week": {"sat": []}, "years": {2026: {}}}, "no hours at all"),
        ({"week": {"sat": ["09:00-12:00"]}}, "Monday has no hours"),
        ({"years": {}}, "at least 1"),
        ({"years": {2026: {"holidays": ["2025-01-01"]}}}, "2025-01-01 is not in 2026"),
        ({"years": {2026: {"holidays": ["2026-02-30"]}}}, "2026-02-30"),
        ({"years": {2026: {"holidays": [20260101]}}}, "write a day as"),
        (
            {"years": {2026: {"holidays": ["2026-02-14"], "workdays": ["2026-02-14"]}}},
            "named twice: 2026-02-14",
        ),
        ({"shift": "late"}, "Extra inputs"),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CalendarForm.model_validate({**LEGAL, **fields})


ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Asia/Kathmandu",  # +05:45
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # clocks changed at midnight until 2019
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # crossed the date line: 2011-12-30 never was
)
WEEKS = (
    {"mon-fri": ["09:00-12:00", "13:30-18:00"]},
    {"mon-thu": ["08:00-17:00"], "sat": ["00:00-03:00"], "sun": ["01:30-02:30", "23:00-24:00"]},
    {"mon-sun": ["00:00-24:00"]},
    {"sun": ["00:00-00:30", "01:45-04:00"], "mon": ["23:30-24:00"]},
)
EXCEPTIONS = {"holidays": [date(2018, 11, 5), date(2018, 3, 12)], "workdays": [date(2018, 3, 11)]}


def windows() -> st.SearchStrategy[int]:
    """Minutes of 2018 and 2011, with a liking for the changes of clocks."""
    changes = [
        (2018, 3, 11),
        (2018, 3, 25),
        (2018, 4, 1),
        (2018, 10, 28),
        (2018, 11, 4),
        (2018, 2, 17),
        (2011, 12, 29),
    ]
    near = [int(datetime(*day, tzinfo=UTC).timestamp()) // 60 for day in changes]
    return st.builds(int.__add__, st.sampled_from(near), st.integers(-1_500, 4_000))


def is_open(form: dict[str, Any], at_s: int) -> bool:
    """The plain meaning: the local clock shows a time within the hours of the local day."""
    clock = datetime.fromtimestamp(at_s, ZoneInfo(form["tz"]))
    day = clock.date()
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    name = "mon" if day in EXCEPTIONS["workdays"] else names[day.weekday()]
    if day in EXCEPTIONS["holidays"]:
        return False
    for key, hours in form["week"].items():
        first, last = (names.index(n) for n in (key.split("-") * 2)[:2])
        if first <= names.index(name) <= last:
            shown = clock.strftime("%H:%M")
            return any(h.split("-")[0] <= shown < h.split("-")[1] for h in hours)
    return False


@given(
    tz=st.sampled_from(ZONES),
    week=st.sampled_from(WEEKS),
    start=windows(),
    minutes=st.integers(1, 5_000),
)
@settings(max_examples=120, deadline=None)
def test_between_and_advance_agree_with_stepping_through_the_minutes(
    tz: str, week: dict[str, list[str]], start: int, minutes: int
) -> None:
    form = {**LEGAL, "tz": tz, "week": week}
    form["years"] = {2010: {}, 2011: {}, 2012: {}, 2017: {}, 2018: {}}
    form["years"][2018] = {
        "holidays": [str(day) for day in EXCEPTIONS["holidays"]],
        "workdays": {
            str(day): next((h for key, h in week.items() if key.startswith("mon")), [])
            for day in EXCEPTIONS["workdays"]
        },
    }
    counted = Calendar(CalendarForm.model_validate(form))
    opened = [is_open(form, at * 60) for at in range(start, start + minutes)]
    assert counted.between(start * 60, (start + minutes) * 60) == 60 * sum(opened)
    for part in (sum(opened) // 2, sum(opened)):
        if part:
            step = list(accumulate(opened)).index(part)
            assert counted.advance(start * 60, part * 60) == (start + step + 1) * 60


@given(
    start=st.integers(instant("2026-01-01"), instant("2026-11-01")),
    amount=st.integers(1, 400_000),
)
@settings(deadline=None)
def test_advance_is_the_earliest_instant_to_the_second(start: int, amount: int) -> None:
    legal = calendar()
    until = legal.advance(start, amount)
    assert legal.between(start, until) == amount
    assert legal.between(start, until - 1) == amount - 1


@given(
    start=st.integers(instant("2026-01-01"), instant("2026-11-01")),
    lengths=st.tuples(st.integers(0, 400_000), st.integers(0, 400_000)),
)
@settings(deadline=None)
def test_business_time_adds_up(start: int, lengths: tuple[int, int]) -> None:
    legal = calendar()
    middle, end = start + lengths[0], start + sum(lengths)
    assert legal.between(start, end) == legal.between(start, middle) + legal.between(middle, end)


@given(
    tz=st.sampled_from(ZONES),
    start=windows(),
    n=st.integers(-1, 12),
)
@settings(deadline=None)
def test_day_end_is_the_first_instant_after_the_nth_day(tz: str, start: int, n: int) -> None:
    zone = ZoneInfo(tz)
    first = datetime.fromtimestamp(start * 60, zone).date()
    end = day_end(start * 60_000, n, zone)
    before = datetime.fromtimestamp(end // 1000 - 1, zone).date()
    assert before <= first + timedelta(days=n)
    assert datetime.fromtimestamp(end // 1000, zone).date() > first + timedelta(days=n)


def test_day_end_is_the_local_midnight_where_clocks_change_at_midnight() -> None:
    sao_paulo = ZoneInfo("America/Sao_Paulo")
    start = datetime(2018, 11, 3, 12, tzinfo=sao_paulo)  # at its end 00:00 becomes 01:00
    end = day_end(int(start.timestamp()) * 1000, 0, sao_paulo)
    assert local(end // 1000, "America/Sao_Paulo") == "2018-11-04 01:00:00"
