"""One task over a log of events: rules, cases and model in the order in which live has them.

Behind a reader of events, under `pathline models report` and the tasks of a backtest. The log is
one partition with one clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.calendar import Calendar
from models.case import MomentumCase
from models.event import Event, to_ms
from models.learners.base import Row
from models.learners.open_case import TaskAccount
from models.learners.replay import Replay
from models.task import AlertTrigger, Task
from rules.context import Output
from rules.loader import RuleBook
from rules.momentum import ID as MOMENTUM
from rules.partition import Partition
from rules.roles import SCORE_TYPE
from rules.ruleset import RuleSet, compile_rules
from rules.scoring import Censored, Matured, Scored, Scoring, Told


class Said(NamedTuple):
    """Of a case at an event. value: None while too little was learned. learned: cases by then."""

    row: Row
    value: float | None
    learned: int


class TaskReplay:
    """rules: those whose alerts and momentum the task may name; they may be none.

    model: what was scored, learned and judged so far. open: cases that have not ended.
    """

    def __init__(self, task: Task, calendar: Calendar | None, rules: RuleSet) -> None:
        self.scoring = Scoring(task, calendar)
        self.model = Replay(task, self.scoring.features.schema)
        self._partition = Partition(rules, topic="replay", partition=0, lateness_ms=0)
        self._workload = self.scoring.features.workload()
        self._states: dict[str, TaskAccount] = {}
        self._dues: list[tuple[int, str]] = []

    @property
    def open(self) -> int:
        return sum(len(state.cases) for state in self._states.values())

    def advance(self, event: Event) -> Said | None:
        """The next event, in order of time; one that repeats another is passed over, and a score is
        for the rules alone. What is said of the event's case, if it is one to score.

        Alerts and horizons that come with it are told first: they may end the event's own case.
        """
        account = self._partition.account(event.subject)
        applied = account.applied
        outputs = self._partition.advance(event)
        self._hear(outputs)
        self._expire(self._partition.clock)
        if account.applied == applied or event.type == SCORE_TYPE:
            return None
        state = self._states.setdefault(event.subject, TaskAccount())
        before = state.due()
        said = self._tell(
            self.scoring.advance(
                event.subject, state, event, self._workload, momentum=self._momentum(event.subject)
            )
        )
        if (due := state.due()) and due != before:
            heapq.heappush(self._dues, (due, event.subject))
        return said

    def expire(self, now: int) -> None:
        """Behind the last event time goes on to there, ms."""
        self._hear(self._partition.tick(now))
        self._expire(self._partition.clock)

    def _hear(self, outputs: Iterable[Output]) -> None:
        for _, alert in outputs:
            self._expire(min(to_ms(alert.occurred_at), self._partition.clock))
            if state := self._states.get(alert.account):
                self._tell(self.scoring.hear(state, alert))

    def _expire(self, now: int) -> None:
        while self._dues and self._dues[0][0] <= now:
            due, account = heapq.heappop(self._dues)
            state = self._states[account]
            self._tell(self.scoring.expire(state, due))
            if following := state.due():
                heapq.heappush(self._dues, (following, account))

    def _tell(self, told: Iterable[Told]) -> Said | None:
        """The score, if one of them asks for it."""
        said = None
        for each in told:
            match each:
                case Scored(row, since):
                    learned = self.model.encoder.learned
                    said = Said(row, self.model.score(row, since), learned)
                case Matured(name, label, at):
                    self.model.mature(name, label, at)
                case Censored(name):
                    self.model.censor(name)
        return said

    def _momentum(self, account: str) -> float:
        """As it was last published: what changes only with the log."""
        case = self._partition.account(account).cases.get(MOMENTUM, {}).get("")
        return case.said.get("", 0.0) if isinstance(case, MomentumCase) else 0.0


def replays(tasks: Sequence[Task], book: RuleBook) -> list[TaskReplay]:
    """One each; the rules of the set run along where a task asks for alerts or momentum."""
    whole, none = compile_rules(book), RuleSet(book.digest, [])
    return [
        TaskReplay(
            task,
            book.calendars[name] if (name := task.features.calendar) else None,
            whole if _asks_rules(task) else none,
        )
        for task in tasks
    ]


def _asks_rules(task: Task) -> bool:
    triggers = (*task.positive, *task.negative)
    return task.features.momentum or any(isinstance(t, AlertTrigger) for t in triggers)
