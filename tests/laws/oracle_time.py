"""Time as rules count it, for the oracle: durations, opening hours, local days, pauses left out.

Off the data path. Slow and obvious on purpose: opening hours are found by asking every minute.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DAY_S = 86_400
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Spans = Sequence[tuple[int, int | None]]  # stretches of running time, ms; the last may be open


def parse_duration(text: str) -> tuple[int, str]:
    """The amount and what it counts: ms of wall time, s of business hours, or business days.

    >>> parse_duration("90m"), parse_duration("2bh"), parse_duration("3bd")
    ((5400000, 'wall'), (7200, 'bh'), (3, 'bd'))
    """
    found = re.fullmatch(r"(\d+)([a-z]+)", text)
    assert found, f"the oracle reads whole numbers with a unit, not {text!r}"
    amount, unit = int(found[1]), found[2]
    if unit == "bd":
        return amount, "bd"
    return (amount * 3_600, "bh") if unit == "bh" else (amount * UNITS_MS[unit], "wall")


def wall_ms(text: str) -> int:
    """A duration that must be wall time, in ms."""
    amount, unit = parse_duration(text)
    assert unit == "wall", f"{text!r} is business time"
    return amount


class YearMissing(Exception):
    """The calendar does not know the year."""


class Hours:
    """The opening hours of a calendar, given as its file holds them."""

    def __init__(self, form: Mapping[str, Any]) -> None:
        self.tz = ZoneInfo(form["tz"])
        self.week: dict[str, list[str]] = {}
        for days, hours in form["week"].items():
            first, _, last = days.partition("-")
            places = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
            self.week.update((day, hours) for day in WEEKDAYS[places[0] : places[1] + 1])
        self.years = {int(year): exceptions for year, exceptions in form["years"].items()}
        self.of_day = cache(self._of_day)

    def on(self, day: date) -> list[str]:
        """The hours of a local day, as written; a make-up day has Monday's."""
        if day.year not in self.years:
            raise YearMissing
        exceptions = self.years[day.year]
        if day.isoformat() in exceptions.get("holidays", []):
            return []
        if day.isoformat() in exceptions.get("workdays", []):
            return self.week["mon"]
        return self.week.get(WEEKDAYS[day.weekday()], [])

    def is_open(self, at_s: int) -> bool:
        """Whether the local time of day lies in the hours of the local day."""
        local = datetime.fromtimestamp(at_s, self.tz)
        now = f"{local:%H:%M}"
        return any(now >= hours[:5] and now < hours[6:] for hours in self.on(local.date()))

    def _of_day(self, day: int) -> list[tuple[int, int]]:
        minutes = range(day * DAY_S, (day + 1) * DAY_S, 60)
        opens: list[tuple[int, int]] = []
        for minute in filter(self.is_open, minutes):
            if opens and opens[-1][1] == minute:
                opens[-1] = (opens[-1][0], minute + 60)
            else:
                opens.append((minute, minute + 60))
        return opens

    def since(self, start_s: int, end_s: int | None = None) -> Iterator[tuple[int, int]]:
        """The stretches of opening time in [start, end), in order; s."""
        day = start_s // DAY_S
        while end_s is None or day * DAY_S < end_s:
            for opens, closes in self.of_day(day):
                opens = max(opens, start_s)
                closes = closes if end_s is None else min(closes, end_s)
                if opens < closes:
                    yield opens, closes
            day += 1

    def between(self, start_s: int, end_s: int) -> int:
        """Business seconds in [start, end)."""
        return sum(closes - opens for opens, closes in self.since(start_s, end_s))

    def days_goal(self, start_s: int, days: int) -> int:
        """Business seconds to the same local time so many business days later, at least one."""
        opening, _ = next(self.since(start_s))
        local = datetime.fromtimestamp(opening, self.tz)
        day = local.date()
        while days:
            day += timedelta(days=1)
            days -= bool(self.on(day))
        end = datetime.combine(day, local.time().replace(fold=0), self.tz)
        return max(1, self.between(start_s, int(end.timestamp())))


@cache
def hours_of(text: str) -> Hours:
    """A calendar from its JSON, once: it remembers the days that it has looked at."""
    return Hours(json.loads(text))


def reached(spans: Spans, amount: int, hours: Hours | None) -> int | None:
    """The earliest instant (ms) at which the time in the spans comes to the amount (ms, or s).

    >>> reached([(0, 40), (100, None)], 60, None)
    120
    """
    if amount == 0:
        return spans[0][0]
    if hours is not None:
        at = _business(spans, amount, hours)
        return at if at is None else at * 1_000
    for start, end in spans:
        if end is None or end - start >= amount:
            return start + amount
        amount -= end - start
    return None


def _business(spans: Spans, amount: int, hours: Hours) -> int | None:
    for start, end in spans:
        for opens, closes in hours.since(start // 1_000, None if end is None else end // 1_000):
            if closes - opens >= amount:
                return opens + amount
            amount -= closes - opens
    return None


@cache
def day_begin(day: date, tz: tzinfo) -> int:
    """The first minute that is no longer before the local day; ms.

    >>> day_begin(date(2026, 3, 2), ZoneInfo("Asia/Shanghai")) == day_begin(date(2026, 3, 2), UTC)
    False
    """
    minute = int(datetime.combine(day - timedelta(days=1), time(), UTC).timestamp())
    while datetime.fromtimestamp(minute, tz).date() < day:
        minute += 60
    return minute * 1_000


def day_end(start_ms: int, days: int, tz: tzinfo) -> int:
    """The local midnight (ms) that ends the local day so many days after the start's."""
    return day_begin(datetime.fromtimestamp(start_ms // 1_000, tz).date() + timedelta(days + 1), tz)
