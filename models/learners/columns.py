"""The columns of a row, group by group: each names its columns and fills them from what is kept.

Below `features.py`, on the hot path: a task scores at most of its events. Counts, ages and amounts
go in as log(1 + x), which suits a linear learner, and a tree does not mind. A new group is a class
here and an entry in `groups`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import copysign, cos, log1p, nan, pi, sin
from typing import NamedTuple, Protocol

from models.calendar import Calendar, UncoveredYear
from models.learners.case_features import AccountFeatures, CaseFeatures
from models.learners.workload import ALL, Workload
from models.task import FeaturesForm

HOUR_MS = 3_600_000
LADDER_H = (1, 4, 12, 24, 48, 72, 96, 120, 168, 240, 336, 720)
OTHERS = 4  # columns that the types without one share, by hash
STEPS = 32  # columns for pairs and triples of types that follow each other, by hash


class View(NamedTuple):
    """What a row is read from. now: ms, of the case's newest event."""

    case: CaseFeatures
    account: AccountFeatures
    workload: Workload
    momentum: float
    now: int


class Group(Protocol):
    names: tuple[str, ...]

    def fill(self, out: list[float], view: View) -> None:
        """Append a value for each name."""
        ...


class Pace:
    """How long it takes: since the start, between events, in business time if there is any."""

    def __init__(self, calendar: Calendar | None) -> None:
        self._calendar = calendar
        wall = ("hours since the start", "hours since the event before", "longest gap in hours")
        business = ("business hours since the start", "business hours since the event before")
        rest = ("hours between events", "events so far")
        ladder = tuple(f"{hours} hours past the start" for hours in LADDER_H)
        self.names = wall + rest + ladder + (business if calendar else ())

    def fill(self, out: list[float], view: View) -> None:
        case, now = view.case, view.now
        elapsed = now - case.since
        gaps = case.events - 1
        mean = elapsed / gaps if gaps > 0 else 0.0
        out += [log1p(ms / HOUR_MS) for ms in (elapsed, case.gap, case.gap_max, mean)]
        out.append(log1p(case.events))
        out += [float(elapsed >= hours * HOUR_MS) for hours in LADDER_H]
        if self._calendar:
            out.append(_business(self._calendar, case.since, now))
            out.append(_business(self._calendar, now - case.gap, now))


class Clock:
    """Hour and weekday, in the calendar's time zone if there is one."""

    def __init__(self, calendar: Calendar | None) -> None:
        self._zone = calendar.tz if calendar else UTC
        self._calendar = calendar
        hours = ("hour of the day, sine", "hour of the day, cosine")
        days = ("day of the week, sine", "day of the week, cosine", "weekend")
        self.names = (*hours, *days, *(("within business hours",) if calendar else ()))

    def fill(self, out: list[float], view: View) -> None:
        local = datetime.fromtimestamp(view.now / 1000, self._zone)
        hour = (local.hour + local.minute / 60) * (pi / 12)
        weekday = local.weekday()
        day = weekday * (2 * pi / 7)
        out += [sin(hour), cos(hour), sin(day), cos(day), float(weekday >= 5)]
        if self._calendar:
            second = view.now // 1000
            out.append(_business(self._calendar, second * 1000, second * 1000 + 1000))


class Types:
    """For each event type: how many in the case, the same fading, how long ago the last was."""

    def __init__(self, form: FeaturesForm) -> None:
        self._halves = tuple(half.amount for half in form.half_lives)
        self._width = 2 + len(self._halves)
        self._columns = len(form.types) + OTHERS
        others = tuple(f"other types, {i + 1} of {OTHERS}" for i in range(OTHERS))
        faded = tuple(f"by {_text(half)}" for half in self._halves)
        parts = ("count", *(f"count fading {words}" for words in faded), "nearness")
        self.names = tuple(f"{type}: {part}" for type in (*form.types, *others) for part in parts)

    def fill(self, out: list[float], view: View) -> None:
        base = len(out)
        out += [0.0] * (self._columns * self._width)
        now, halves = view.now, self._halves
        for column, tally in view.case.types.items():
            at = base + column * self._width
            out[at] = log1p(tally.count)
            at += 1
            for left in tally.left(now, halves):
                out[at] = log1p(left)
                at += 1
            out[at] = 1.0 / (1.0 + (now - tally.at) / HOUR_MS)


class Steps:
    """Transitions: pairs and triples of types that followed each other in the case."""

    names = tuple(f"transitions, {i + 1} of {STEPS}" for i in range(STEPS))

    def fill(self, out: list[float], view: View) -> None:
        base = len(out)
        out += [0.0] * STEPS
        for column, count in view.case.steps.items():
            out[base + column] = log1p(count)


class Numbers:
    """The latest number at each path, by its magnitude; not known until an event has one."""

    def __init__(self, form: FeaturesForm) -> None:
        self.names = form.numbers

    def fill(self, out: list[float], view: View) -> None:
        out += [copysign(log1p(abs(number)), number) for number in view.case.numbers]


class Turns:
    """How often each category has changed in the case."""

    def __init__(self, form: FeaturesForm) -> None:
        self.names = tuple(f"changes of {path}" for path in (*form.words, *form.load))

    def fill(self, out: list[float], view: View) -> None:
        out += [log1p(turns) for turns in view.case.turns]


class Load:
    """How busy the case's resource or group is, and all of them together."""

    def __init__(self, form: FeaturesForm) -> None:
        self._paths = range(len(form.load))
        self._first = len(form.words)
        self._unknown = [nan] * len(form.half_lives)
        halves = [_text(half.amount) for half in form.half_lives]
        self.names = tuple(
            f"load of {who}, fading by {half}"
            for path in form.load
            for who in (path, f"every {path}")
            for half in halves
        )

    def fill(self, out: list[float], view: View) -> None:
        for path in self._paths:
            word = view.case.words[self._first + path]
            own = view.workload.of(path, word, view.now) if word else self._unknown
            out += [log1p(value) for value in (*own, *view.workload.of(path, ALL, view.now))]


class Account:
    """What the account did, all cases together."""

    def __init__(self, form: FeaturesForm) -> None:
        self._halves = tuple(half.amount for half in form.half_lives)
        faded = (f"events of the account, fading by {_text(half)}" for half in self._halves)
        self.names = ("cases of the account", "events of the account", *faded)

    def fill(self, out: list[float], view: View) -> None:
        account = view.account
        counts = (account.cases, account.events.count)
        out += [log1p(value) for value in counts]
        out += [log1p(value) for value in account.events.left(view.now, self._halves)]


class Momentum:
    names: tuple[str, ...] = ("momentum",)

    def fill(self, out: list[float], view: View) -> None:
        out.append(view.momentum)


def groups(form: FeaturesForm, calendar: Calendar | None) -> Iterator[Group]:
    """All groups of a task, in the order of their columns."""
    yield Pace(calendar)
    yield Clock(calendar)
    yield Types(form)
    yield Steps()
    yield Numbers(form)
    yield Turns(form)
    if form.load:
        yield Load(form)
    if form.account:
        yield Account(form)
    if form.momentum:
        yield Momentum()


def _business(calendar: Calendar, since: int, now: int) -> float:
    """log(1 + business hours); unknown in a year that the calendar lacks."""
    try:
        return log1p(calendar.between(since // 1000, now // 1000) / 3600)
    except UncoveredYear:
        return nan


def _text(ms: int) -> str:
    for unit, size in (("d", 24 * HOUR_MS), ("h", HOUR_MS), ("m", 60_000), ("s", 1000)):
        if ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms"
