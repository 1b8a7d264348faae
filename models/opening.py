"""The form of a calendar file: opening hours by weekday, holidays and make-up days by year.

What people write in `rules/calendars/`; `models/calendar.py` counts with it.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86_400
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")

Hours = tuple[int, int]


def parse_hours(text: object) -> Hours:
    """Opening hours as seconds of the local day, half-open.

    >>> parse_hours("13:30-24:00")
    (48600, 86400)
    """
    match = _HOURS.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r}: write hours as 09:00-12:00 (until midnight: 18:00-24:00)")
    opens = int(match[1]) * 3600 + int(match[2]) * 60
    closes = DAY_S if match[3] is None else int(match[3]) * 3600 + int(match[4]) * 60
    if closes <= opens:
        raise ValueError(f"{text!r} ends before it begins; over midnight, write two entries")
    return opens, closes


def parse_weekdays(text: str) -> range:
    """Weekdays as numbers from Monday = 0.

    >>> list(parse_weekdays("mon-wed")), list(parse_weekdays("sat"))
    ([0, 1, 2], [5])
    """
    first, _, last = text.partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        raise ValueError(f"{text!r}: write a weekday or a range, such as sat or mon-fri")
    days = range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1)
    if not days:
        raise ValueError(f"{text!r} runs backwards; a week begins with mon")
    return days


def _day(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{value!r}: {error}") from None
    raise ValueError(f"{value!r}: write a day as 2026-02-14")


def _in_order(hours: tuple[Hours, ...]) -> tuple[Hours, ...]:
    if any(later[0] < earlier[1] for earlier, later in pairwise(hours)):
        raise ValueError("the hours of a day must be in order and not overlap")
    return hours


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not an IANA time zone, such as Asia/Shanghai") from None
    return value


def _form_of_days(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "list"


Day = Annotated[date, BeforeValidator(_day)]
DayHours = Annotated[
    tuple[Annotated[Hours, BeforeValidator(parse_hours)], ...], AfterValidator(_in_order)
]
WorkDays = Annotated[
    Annotated[tuple[Day, ...], Tag("list")] | Annotated[dict[Day, DayHours], Tag("mapping")],
    Discriminator(_form_of_days),
]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class YearForm(_Form):
    """One year's exceptions from the week."""

    holidays: tuple[Day, ...] = Field((), description="days without business hours")
    workdays: WorkDays = Field(
        (),
        description="make-up days (调休): a list, they use Monday's hours;"
        " or a mapping of day to hours",
    )
    provisional: bool = Field(
        False, description="true while the year's official notice is not out; lint tells"
    )

    @model_validator(mode="after")
    def _once(self) -> YearForm:
        named = Counter(self.holidays) + Counter(list(self.workdays))
        twice = sorted(day.isoformat() for day, times in named.items() if times > 1)
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self


def _week(week: dict[str, DayHours]) -> dict[str, DayHours]:
    days = Counter(day for name in week for day in parse_weekdays(name))
    twice = [WEEKDAYS[day] for day, times in days.items() if times > 1]
    if twice:
        raise ValueError(f"names {', '.join(twice)} twice")
    if not any(week.values()):
        raise ValueError("has no hours at all")
    return week


def _years(years: dict[int, YearForm]) -> dict[int, YearForm]:
    for year, form in years.items():
        if not 1970 <= year <= 9998:
            raise ValueError(f"year {year}: counted are the years 1970 to 9998")
        strays = [day for day in (*form.holidays, *form.workdays) if day.year != year]
        if strays:
            raise ValueError(f"{strays[0]} is not in {year}")
    return years


def _weekdays(text: str) -> str:
    parse_weekdays(text)
    return text


Weekdays = Annotated[str, AfterValidator(_weekdays)]


class CalendarForm(_Form):
    """A calendar file."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="the file's name")
    version: str = Field(description='yours to choose; quote it, such as "2026.1"')
    tz: Annotated[str, AfterValidator(_zone)] = Field(description="IANA time zone of the hours")
    week: Annotated[dict[Weekdays, DayHours], AfterValidator(_week)] = Field(
        description="hours by weekday or range of weekdays: `mon-fri`, `sat`"
    )
    years: Annotated[dict[int, YearForm], AfterValidator(_years)] = Field(
        min_length=1, description="every year that may be counted in, exceptions or not"
    )

    @model_validator(mode="after")
    def _monday(self) -> CalendarForm:
        lists = [form for form in self.years.values() if not isinstance(form.workdays, dict)]
        if any(form.workdays for form in lists) and not self.by_weekday()[0]:
            raise ValueError("Monday has no hours: give each of `workdays` its own")
        return self

    def by_weekday(self) -> list[tuple[Hours, ...]]:
        """The hours of an ordinary Monday, Tuesday … Sunday."""
        hours: list[tuple[Hours, ...]] = [()] * 7
        for name, own in self.week.items():
            for day in parse_weekdays(name):
                hours[day] = own
        return hours

    def exceptions(self) -> dict[date, tuple[Hours, ...]]:
        """The hours of the days that do not follow the week."""
        days: dict[date, tuple[Hours, ...]] = {}
        for form in self.years.values():
            days.update((day, ()) for day in form.holidays)
            if isinstance(form.workdays, dict):
                days.update(form.workdays)
            else:
                days.update((day, self.by_weekday()[0]) for day in form.workdays)
        return days
