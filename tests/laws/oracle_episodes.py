"""The oracle's `sla` and `absence`: all marks of an instance, and the episodes read off them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.laws.oracle_reading import Applied, Rule, key_of, satisfies
from tests.laws.oracle_time import Hours, YearMissing, day_end, parse_duration, reached, wall_ms

ROLES = ("stop", "cancel", "pause", "resume", "start")  # the order of one event's marks
ABSENCE = {"stop": "expect", "cancel": "until", "start": "anchor"}
Calendars = Mapping[str, Hours]


class Mark(NamedTuple):
    """An event in a role. Marks compare by their place: eff (ms), log position, role."""

    eff: int
    position: int
    role: int
    event: Applied


class Step(NamedTuple):
    """amount: ms, or s of business time."""

    amount: int
    name: str
    state: str
    owner: str | None


@dataclass
class Episode:
    """goal, steps: None and empty where the calendar does not reach. spans: running time, ms."""

    start: Mark
    hours: Hours | None
    goal: int | None
    day_begins: int | None  # of `on_day`
    end: Mark | None = None
    ended_by: str = ""
    spans: list[tuple[int, int | None]] = field(default_factory=list)

    def pause(self, at: int) -> None:
        began, until = self.spans[-1]
        if until is None:
            self.spans[-1] = (began, at)

    def resume(self, at: int) -> None:
        if self.spans[-1][1] is not None:
            self.spans.append((at, None))

    def finish(self, mark: Mark, how: str) -> None:
        self.end, self.ended_by = mark, how

    def reached(self, amount: int | None) -> int | None:
        """When the elapsed time comes to the amount, as if the episode had no end; ms."""
        try:
            return None if amount is None else reached(self.spans, amount, self.hours)
        except YearMissing:
            return None

    @property
    def due(self) -> int | None:
        return self.reached(self.goal)

    def breached(self, at: int) -> bool:
        return self.due is not None and self.due <= at


def marks_of(rule: Rule, account: str, key: str, log: Sequence[Applied]) -> list[Mark]:
    """Everything that the log says to the instance, in the order of time."""
    marks = []
    for event in log:
        if event.account == account and key_of(rule, event) == key:
            eff = eff_of(rule, event)
            marks += [Mark(eff, event.position, role, event) for role in roles_of(rule, event)]
    return sorted(marks, key=lambda mark: mark[:3])


def eff_of(rule: Rule, event: Applied) -> int:
    """When the event counts (ms): at its time, but not before the horizon."""
    late = rule.get("late", {})
    accept = 0 if late.get("on_late") == "ignore" else wall_ms(late.get("accept", "6h"))
    return max(event.time, event.before - accept)


def roles_of(rule: Rule, event: Applied) -> list[int]:
    """The roles that the event plays, in their order."""
    words = ABSENCE if rule["kind"] == "absence" else {}
    return [
        place
        for place, role in enumerate(ROLES)
        if satisfies(rule.get(words.get(role, role)), event)
    ]


def read_episodes(
    rule: Rule, marks: Sequence[Mark], calendars: Calendars, settled: Sequence[Episode] = ()
) -> list[Episode]:
    """The episodes that the marks tell, in the order of their starts. settled: those before."""
    episodes = [replace(episode, spans=list(episode.spans)) for episode in settled]
    for mark in marks:
        waiting = [episode for episode in episodes if episode.end is None]
        match ROLES[mark.role]:
            case "stop":
                episodes += stop(rule, mark, waiting, calendars)
            case "start":
                episodes += start(rule, mark, waiting, calendars)
            case "cancel":
                for episode in waiting:
                    episode.finish(mark, "cancel")
                # an episode that its own event cancels (in a chain) is none
                episodes = [e for e in episodes if e.start.event is not mark.event]
            case "pause":
                for episode in waiting:
                    episode.pause(mark.eff)
            case "resume":
                for episode in waiting:
                    episode.resume(mark.eff)
    return episodes


def stop(rule: Rule, mark: Mark, waiting: Sequence[Episode], calendars: Calendars) -> list[Episode]:
    """An answer ends what waits for it; in a chain it starts the next episode."""
    stopped = [episode for episode in waiting if answers(mark, episode)]
    for episode in stopped:
        episode.finish(mark, "stop")
    chained = stopped and rule.get("measure") == "since_last"
    return [begin(rule, mark, calendars)] if chained else []


def answers(mark: Mark, episode: Episode) -> bool:
    """With `on_day` an answer before the day is none, unless it is too late anyway."""
    begins = episode.day_begins
    return begins is None or mark.eff >= begins or episode.breached(mark.eff)


def start(
    rule: Rule, mark: Mark, waiting: Sequence[Episode], calendars: Calendars
) -> list[Episode]:
    """The episode that a start mark starts, if it starts one."""
    if waiting:
        running = waiting[-1]
        if running.start.position == mark.position or rule.get("restart") == "ignore":
            return []
        if not running.breached(mark.eff):
            running.finish(mark, "superseded")
    return [begin(rule, mark, calendars)]


def begin(rule: Rule, mark: Mark, calendars: Calendars) -> Episode:
    """A new episode, with what is expected of it."""
    form = rule["goal"] if rule["kind"] == "sla" else rule["deadline"]
    spans: list[tuple[int, int | None]] = [(mark.eff, None)]
    if "day_number" in form:
        number, tz = form["day_number"], zone(form, mark)
        goal = day_end(mark.eff, number, tz) - mark.eff
        begins = day_end(mark.eff, number - 1, tz) if rule.get("measure") == "on_day" else None
        return Episode(mark, None, goal, begins, spans=spans)
    amount, unit = parse_duration(form["within"] if rule["kind"] == "sla" else form["after"])
    if unit == "wall":
        return Episode(mark, None, amount, None, spans=spans)
    hours = calendars[form["calendar"]]
    try:
        goal = hours.days_goal(mark.eff // 1_000, amount) if unit == "bd" else amount
    except YearMissing:
        return Episode(mark, hours, None, None, spans=spans)
    return Episode(mark, hours, goal, None, spans=spans)


def zone(form: Mapping[str, Any], mark: Mark) -> tzinfo:
    return mark.event.zone if form["tz"] == "account" else ZoneInfo(form["tz"])


def steps_of(rule: Rule, episode: Episode) -> list[Step]:
    """What is expected of the episode, in the order of amounts."""
    goal, owner = episode.goal, rule.get("owner")
    if goal is None:
        return []
    escalations = [(parse_duration(e["after"])[0], e["to"]) for e in rule.get("escalate", [])]
    at_once = [to for after, to in escalations if after == 0]
    steps = [
        Step(math.floor(Decimal(repr(fraction)) * goal), f"warn:{fraction!r}", "pending", owner)
        for fraction in rule.get("warn_at", [])
    ]
    steps.append(Step(goal, "due", "firing", at_once[0] if at_once else owner))
    steps += [
        Step(goal + after, f"escalate:{to}", "firing", to) for after, to in escalations if after
    ]
    return sorted(steps, key=lambda step: step.amount)  # equal amounts: warn, due, escalate
