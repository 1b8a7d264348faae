"""Reads the episodes of an instance off its marks: what started, paused, ended, and when it is due.

docs/semantics.md, "Episodes". Pure: the same marks give the same reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from models.calendar import Calendar, UncoveredYear, day_end
from models.case import UNTOLD, Episode, Mark
from models.duration import Duration


class Role(IntEnum):
    """In the order in which one event plays several."""

    STOP = 0
    CANCEL = 1
    PAUSE = 2
    RESUME = 3
    START = 4


STOP, CANCEL, PAUSE, START = map(int, (Role.STOP, Role.CANCEL, Role.PAUSE, Role.START))


@dataclass(frozen=True)
class Measure:
    """How an episode is measured.

    goal: None where `day_number` sets it. zone: of `day_number`; None: the start mark's own.
    chained: an answer starts the next episode. on_day: only answers of the last day count.
    """

    goal: Duration | None
    calendar: Calendar | None = None
    day_number: int = 0
    zone: tzinfo | None = None
    chained: bool = False
    on_day: bool = False
    restart: bool = True

    def reached(self, episode: Episode, amount: int) -> int | None:
        """The earliest instant (ms) at which `amount` (ms wall, s business) has elapsed.

        None when it never will as things stand: paused, or beyond the calendar.
        """
        segments = episode.segments
        if self.calendar is None and len(segments) == 1:
            return segments[0] + amount
        if amount == 0:
            return segments[0]
        for i in range(0, len(segments), 2):
            stop = segments[i + 1] if i + 1 < len(segments) else None
            if self.calendar is None:
                at: int | None = segments[i] + amount
            else:
                at = self._open_instant(segments[i], amount)
            if stop is None or (at is not None and at <= stop):
                return at
            elapsed = self._elapsed(segments[i], stop)
            if elapsed is None:
                return None
            amount -= elapsed
        return None

    def _open_instant(self, start: int, amount: int) -> int | None:
        assert self.calendar is not None
        try:
            return self.calendar.advance(start // 1000, amount) * 1000
        except UncoveredYear:
            return None

    def _elapsed(self, start: int, stop: int) -> int | None:
        if self.calendar is None:
            return stop - start
        try:
            return self.calendar.between(start // 1000, stop // 1000)
        except UncoveredYear:
            return None

    def begin(self, mark: Mark) -> Episode:
        """A new episode; a calendar that ends too early leaves it without a due instant."""
        at = mark.at
        if self.calendar is None and self.goal is not None:
            amount = self.goal.amount
            return Episode(mark, [at], amount, at + amount)
        episode = Episode(mark, [at], 0, None)
        if self.goal is None:
            zone = self.zone or parse_zone(mark.zone)
            due = day_end(at, self.day_number, zone)
            episode.goal = due - at
            episode.opens = day_end(at, self.day_number - 1, zone)
        elif self.goal.unit == "bd":
            assert self.calendar is not None, "the grammar demands a calendar"
            try:
                until = self.calendar.add_days(at // 1000, self.goal.amount)
                episode.goal = max(1, self.calendar.between(at // 1000, until))
            except UncoveredYear:
                return episode
        else:
            episode.goal = self.goal.amount
        episode.due = self.reached(episode, episode.goal)
        return episode

    def renew(self, episode: Episode) -> Episode:
        """The episode as another calendar measures it."""
        if self.calendar is None:
            return episode
        renewed = changed(episode, goal=self.begin(episode.start).goal)
        renewed.due = self.reached(renewed, renewed.goal) if renewed.goal else None
        return renewed


class Timeline:
    """Lays the marks of an instance on its episodes, oldest first."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure

    def lay(self, episodes: list[Episode], marks: Iterable[Mark], episodes_max: int) -> int:
        """Changes the list, never an episode in it. Returns how many had to give way."""
        evicted = 0
        for mark in marks:
            role = mark.role
            if role == START:
                evicted += self._start(episodes, mark, episodes_max)
            elif role <= CANCEL:
                evicted += self._end(episodes, mark, episodes_max)
            else:
                self._pause(episodes, mark, running=role == PAUSE)
        return evicted

    def _start(self, episodes: list[Episode], mark: Mark, episodes_max: int) -> int:
        for i, episode in enumerate(episodes):
            if episode.end is not None:
                continue
            if not self.measure.restart or episode.start.offset == mark.offset:
                return 0  # it goes on; or this event has started it, as an answer in a chain
            if not episode.running:
                continue
            if episode.due is not None and episode.due <= mark.at:
                episodes[i] = changed(episode, running=False)
            else:
                episodes[i] = changed(episode, end=mark, superseded=True)
        return self._add(episodes, mark, episodes_max)

    def _add(self, episodes: list[Episode], mark: Mark, episodes_max: int) -> int:
        episodes.append(self.measure.begin(mark))
        if len(episodes) > episodes_max:
            still = [episode for episode in episodes if episode.end is None]
            if len(still) > episodes_max:
                episodes.remove(still[0])
                return 1
        return 0

    def _end(self, episodes: list[Episode], mark: Mark, episodes_max: int) -> int:
        ended = False
        for i, episode in enumerate(episodes):
            if episode.end is not None:
                continue
            if mark.role == STOP and mark.at < episode.opens:
                breached = episode.due is not None and episode.due <= mark.at
                if self.measure.on_day and not breached:
                    continue
            episodes[i] = changed(episode, end=mark)
            ended = True
        if mark.role == CANCEL:  # an episode that its own event cancels is none
            episodes[:] = [e for e in episodes if e.start.offset != mark.offset]
        elif ended and self.measure.chained:
            return self._add(episodes, mark, episodes_max)
        return 0

    def _pause(self, episodes: list[Episode], mark: Mark, *, running: bool) -> None:
        for i, episode in enumerate(episodes):
            if episode.end is None and (len(episode.segments) % 2 == 1) == running:
                episode = changed(episode, segments=[*episode.segments, mark.at])
                episode.due = self.measure.reached(episode, episode.goal)
                episodes[i] = episode


def newest(episodes: Iterable[Episode]) -> int:
    """The last instant (ms) at which one of them started, paused, went on or ended."""
    return max(e.end.at if e.end else e.segments[-1] for e in episodes)


def changed(episode: Episode, **fields: Any) -> Episode:
    """A copy with other fields, to be looked at anew."""
    return replace(episode, coming=UNTOLD, **fields)


def parse_zone(text: str | None) -> tzinfo:
    """`Asia/Shanghai` or `+08:00`; None is UTC.

    >>> parse_zone("+08:00").utcoffset(None)
    datetime.timedelta(seconds=28800)
    """
    if text is None:
        return UTC
    if text[0] in "+-":
        sign = -1 if text[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))
    return ZoneInfo(text)
