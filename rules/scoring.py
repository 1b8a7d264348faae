"""The life of a task's cases: which event starts one, when it is scored, how it ends.

Beside the engine, over the same account and the same log, so that live and replay agree. What comes
out goes to a model: rows to score, labels to learn from. An event first ends a case, then may start
one, then is scored: the event that decides a case is never scored in it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, TypeVar

from models.alert import Alert
from models.calendar import Calendar
from models.event import Event, to_ms
from models.identity import canonical
from models.learners.base import Row
from models.learners.features import Features
from models.learners.open_case import OpenCase, TaskAccount
from models.learners.workload import Workload
from models.task import AlertTrigger, EventTrigger, Task
from rules.condition import compile_condition
from rules.paths import compile_key

CASES_MAX = 256  # open ones of an account; beyond that the oldest gives way, censored

T = TypeVar("T", EventTrigger, AlertTrigger)
Matches = Callable[[Event], bool]


class End(StrEnum):
    """Why a case is over without a label."""

    HORIZON = "horizon"
    EVICTED = "evicted"


class Scored(NamedTuple):
    """A moment at which a case is scored. since: when it started, ms."""

    row: Row
    since: int


class Matured(NamedTuple):
    """A label is known. at: since when, ms."""

    case: str
    label: int
    at: int


class Censored(NamedTuple):
    """A case ended without one."""

    case: str
    reason: End
    at: int


Told = Scored | Matured | Censored


class Scoring:
    """One task, compiled. calendar: the one that its features name, if they name one."""

    def __init__(self, task: Task, calendar: Calendar | None = None) -> None:
        self.task = task
        self.features = Features(task, calendar)
        self._key = compile_key(task.case)
        self._starts = [_matcher(trigger) for trigger in task.starts]
        self._ends = [(label, _matcher(trigger)) for label, trigger in _labels(task, EventTrigger)]
        self._alerts: dict[tuple[str, str], int] = {}
        for label, trigger in _labels(task, AlertTrigger):
            self._alerts.setdefault((trigger.alert, trigger.state), label)
        self._score_at = frozenset(task.score_at)

    def advance(
        self, account: str, state: TaskAccount, event: Event, workload: Workload, *,
        momentum: float = 0.0,
    ) -> list[Told]:  # fmt: skip
        """An event of the account, in log order, after `expire` up to its clock and after the
        alerts that it made. Its case is the one with its key; an event without key has none.
        """
        values = self._key(event)
        if values is None:
            return []
        key, told = canonical(values), list[Told]()
        case = state.cases.get(key)
        if case is not None and (label := self._label(event)) is not None:
            told.append(self._end(state, key, label, max(event.at, case.since)))
            case = None
        if case is None:
            if not any(matches(event) for matches in self._starts):
                return told
            case = self._start(account, state, key, event.at, told)
        self.features.advance(case.features, state.features, workload, event)
        if event.type in self._score_at:
            row = self.features.row(case.features, state.features, workload,
                                    name=(account, case.name), momentum=momentum)  # fmt: skip
            told.append(Scored(row, case.since))
        return told

    def hear(self, state: TaskAccount, alert: Alert) -> list[Told]:
        """An alert of the account. It ends the case whose key is part of the alert's."""
        label = self._alerts.get((alert.rule.id, alert.state.value))
        if label is None or any(path not in alert.key for path in self.task.case):
            return []
        key = canonical({path: alert.key[path] for path in self.task.case})
        if key not in state.cases:
            return []
        at = max(to_ms(alert.occurred_at), state.cases[key].since)
        return [self._end(state, key, label, at)]

    def expire(self, state: TaskAccount, now: int) -> list[Told]:
        """Cases whose horizon the clock has reached, the earliest first."""
        over = sorted((case.due, key) for key, case in state.cases.items() if case.due <= now)
        return [self._over(state, key) for _, key in over]

    def _over(self, state: TaskAccount, key: str) -> Told:
        due = state.cases[key].due
        if self.task.at_horizon == "positive":
            return self._end(state, key, 1, due)
        return Censored(state.cases.pop(key).name, End.HORIZON, due)

    def _start(
        self, account: str, state: TaskAccount, key: str, at: int, told: list[Told]
    ) -> OpenCase:
        if len(state.cases) >= CASES_MAX:
            oldest = state.cases.pop(next(iter(state.cases)))
            told.append(Censored(oldest.name, End.EVICTED, at))
        case = state.cases[key] = OpenCase(
            f"{account} {key} {at}", at, at + self.task.horizon.amount,
            self.features.start(state.features, at),
        )  # fmt: skip
        return case

    def _end(self, state: TaskAccount, key: str, label: int, at: int) -> Matured:
        return Matured(state.cases.pop(key).name, label, at)

    def _label(self, event: Event) -> int | None:
        return next((label for label, matches in self._ends if matches(event)), None)


def _labels(task: Task, kind: type[T]) -> list[tuple[int, T]]:
    """Positive ones first: where both match, the case is positive."""
    both = ((1, task.positive), (0, task.negative))
    return [(label, t) for label, triggers in both for t in triggers if isinstance(t, kind)]


def _matcher(trigger: EventTrigger) -> Matches:
    if trigger.where is None:
        return lambda event: event.type == trigger.type
    condition = compile_condition(trigger.where)
    if trigger.type is None:
        return condition
    return lambda event: event.type == trigger.type and condition(event)
