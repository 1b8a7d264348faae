"""Business time: how much of it lies between two instants, and when an amount has passed.

Under the deadlines of `sla` and `absence` rules, so on the hot path of every mark: hours are laid
out as instants once, when a calendar is loaded; a question is then two binary searches.
All instants are whole seconds since 1970-01-01T00:00Z; intervals are half-open.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from models.errors import BadInput
from models.opening import DAY_S, CalendarForm

EPOCH = date(1970, 1, 1).toordinal()


class UncoveredYear(BadInput):
    """A calendar is asked about a year that its file does not name: an error, not a guess."""

    def __init__(self, calendar: str, year: int) -> None:
        super().__init__(
            "calendar_year_missing", f"calendar {calendar} has no year {year}: add it to its file"
        )
        self.year = year


class Calendar:
    """A calendar file, ready to count with. Immutable.

    >>> office = Calendar(CalendarForm.model_validate({
    ...     "id": "office", "version": "1", "tz": "UTC", "years": {"1970": {}},
    ...     "week": {"mon-fri": ["09:00-12:00", "13:00-18:00"]}}))
    >>> nine = 9 * 3600  # Thursday, 1970-01-01 09:00
    >>> office.between(nine, nine + DAY_S) / 3600
    8.0
    >>> (office.advance(nine, 4 * 3600) - nine) / 3600  # over lunch
    5.0
    >>> (office.add_days(nine, 2) - nine) / DAY_S  # over the weekend, to Monday
    4.0
    """

    def __init__(self, form: CalendarForm) -> None:
        self.form = form
        self.id = form.id
        self.tz: tzinfo = ZoneInfo(form.tz)
        self._spans = [_Span(form, self.tz, *years) for years in _runs(sorted(form.years))]

    def between(self, start_s: int, end_s: int) -> int:
        """Business seconds in [start, end); 0 when end is not after start.

        Raises UncoveredYear when any of it lies in a year that the file does not name.
        """
        if end_s <= start_s:
            return 0
        span = self._span(start_s)
        if end_s > span.end:
            raise UncoveredYear(self.id, span.last_year + 1)
        return span.elapsed(end_s) - span.elapsed(start_s)

    def advance(self, start_s: int, amount_s: int) -> int:
        """The earliest instant t with between(start, t) >= amount; for 0 the start itself.

        Raises UncoveredYear when t lies in a year that the file does not name.
        """
        if amount_s <= 0:
            return start_s
        span = self._span(start_s)
        target = span.elapsed(start_s) + amount_s
        i = bisect_left(span.after, target)
        if i == len(span.after):
            raise UncoveredYear(self.id, span.last_year + 1)
        return span.closes[i] - (span.after[i] - target)

    def add_days(self, start_s: int, days: int) -> int:
        """The same local time so many business days later, from the next opening when closed.

        A local time that a change of clocks skips or repeats is taken in the offset before it.
        Raises UncoveredYear as `advance`.
        """
        span = self._span(start_s)
        i = bisect_right(span.closes, start_s)
        if i == len(span.closes):
            raise UncoveredYear(self.id, span.last_year + 1)
        start_s = max(start_s, span.opens[i])
        if days <= 0:
            return start_s
        local = datetime.fromtimestamp(start_s, self.tz)
        place = bisect_left(span.days, local.toordinal()) + days
        if place >= len(span.days):
            raise UncoveredYear(self.id, span.last_year + 1)
        day = date.fromordinal(span.days[place])
        return int(datetime.combine(day, local.time(), self.tz).timestamp())

    def _span(self, at_s: int) -> _Span:
        for span in self._spans:
            if span.start <= at_s < span.end:
                return span
        raise UncoveredYear(self.id, datetime.fromtimestamp(at_s, self.tz).year)


class _Span:
    """Years without a gap between them, laid out: `after[i]` is the business time up to closes[i].

    days: ordinals of the days with hours.
    """

    def __init__(self, form: CalendarForm, tz: tzinfo, first_year: int, last_year: int) -> None:
        self.last_year = last_year
        self.start = int(datetime(first_year, 1, 1, tzinfo=tz).timestamp())
        self.end = int(datetime(last_year + 1, 1, 1, tzinfo=tz).timestamp())
        self.opens: list[int] = []
        self.closes: list[int] = []
        self.after: list[int] = []
        self.days: list[int] = []
        total = 0
        for day, opens, closes in _hours(form, tz, self.start, self.end):
            total += closes - opens
            self.opens.append(opens)
            self.closes.append(closes)
            self.after.append(total)
            if not self.days or self.days[-1] != day:
                self.days.append(day)

    def elapsed(self, at_s: int) -> int:
        """Business time from the start of the span."""
        i = bisect_right(self.closes, at_s)
        if i == len(self.closes):
            return self.after[-1] if i else 0
        before = self.after[i] - (self.closes[i] - self.opens[i])
        opens = self.opens[i]
        return before + at_s - opens if at_s > opens else before


def day_end(start_ms: int, n: int, tz: tzinfo) -> int:
    """The local midnight (ms) that ends the n-th local calendar day after the start's day.

    A midnight that a change of clocks skips is the instant of the change.

    >>> from datetime import UTC
    >>> noon = 1772452800_000  # 2026-03-02T12:00Z
    >>> datetime.fromtimestamp(day_end(noon, 11, UTC) / 1000, UTC).isoformat()
    '2026-03-14T00:00:00+00:00'
    """
    local = datetime.fromtimestamp(start_ms // 1000, tz).date()
    midnight = datetime.combine(local + timedelta(days=n + 1), datetime.min.time(), tz)
    return int(midnight.timestamp()) * 1000


def _runs(years: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of years: 2016, 2025, 2026 are two runs."""
    first = years[0]
    for year, following in zip(years, [*years[1:], None], strict=True):
        if following != year + 1:
            yield first, year
            first = following or 0


def _hours(
    form: CalendarForm, tz: tzinfo, start_s: int, end_s: int
) -> Iterator[tuple[int, int, int]]:
    """(day, opens, closes) in order; an instant is open when its local time of day is."""
    exceptions = form.exceptions()
    week = form.by_weekday()
    for since, until, offset in _offsets(tz, start_s, end_s):
        for day in range((since + offset) // DAY_S, (until - 1 + offset) // DAY_S + 1):
            ordinal = EPOCH + day
            date_ = date.fromordinal(ordinal)
            for opens, closes in exceptions.get(date_, week[date_.weekday()]):
                midnight = day * DAY_S - offset
                clipped = max(midnight + opens, since), min(midnight + closes, until)
                if clipped[0] < clipped[1]:
                    yield ordinal, *clipped


def _offsets(tz: tzinfo, start_s: int, end_s: int) -> Iterator[tuple[int, int, int]]:
    """(since, until, UTC offset in s): stretches between changes of clocks.

    Found by comparing days; two changes within one day that cancel out would be missed.
    """
    since = start_s
    for day_s in range(start_s, end_s, DAY_S):
        until = min(day_s + DAY_S, end_s)
        if _offset(tz, until) != _offset(tz, since):
            change = _change(tz, day_s, until)
            yield since, change, _offset(tz, since)
            since = change
    yield since, end_s, _offset(tz, since)


def _change(tz: tzinfo, before_s: int, after_s: int) -> int:
    """The first second with the later of two offsets."""
    while after_s - before_s > 1:
        middle = (before_s + after_s) // 2
        if _offset(tz, middle) == _offset(tz, before_s):
            before_s = middle
        else:
            after_s = middle
    return after_s


def _offset(tz: tzinfo, at_s: int) -> int:
    delta = datetime.fromtimestamp(at_s, tz).utcoffset()
    assert delta is not None, "the zone is an IANA zone"
    return int(delta.total_seconds())
