"""Features of a case, built while its events come: what the account and the case alone tell.

On the follow side: `advance` at every event of the case, `row` at those that the task scores. A
row is a function of the events so far; tests permute and cut the future and want equal rows. State
goes forward only: an event older than the case's newest counts at the newest.
"""

from __future__ import annotations

from functools import lru_cache
from math import nan
from typing import Any

import numpy as np
import xxhash

from models.calendar import Calendar
from models.event import Event
from models.learners.base import Row, Schema
from models.learners.case_features import AccountFeatures, CaseFeatures, Tally
from models.learners.columns import OTHERS, STEPS, View, groups
from models.learners.workload import Workload
from models.task import Task

TRAIL = 3
VALUE_MAX = 1e15  # beyond, a number is not taken for one
WORD_MAX = 64  # characters by which a category or a type is known


class Features:
    """The features of a task, compiled. calendar: the one that the task names, if it names one."""

    def __init__(self, task: Task, calendar: Calendar | None = None) -> None:
        form = task.features
        assert (form.calendar is None) == (calendar is None), "who loads a task finds its calendar"
        self.task = task.id
        self.halves_ms = tuple(half.amount for half in form.half_lives)
        self._types = {type: column for column, type in enumerate(form.types)}
        self._numbers = [tuple(path.split(".")[1:]) for path in form.numbers]
        self._words = [tuple(path.split(".")[1:]) for path in (*form.words, *form.load)]
        self._load = form.load
        self._first_load = len(form.words)
        self._own_account = form.account
        self._groups = tuple(groups(form, calendar))
        account = ("account",) if form.account else ()
        self.schema = Schema(
            tuple(name for group in self._groups for name in group.names),
            ("type", "transition", *form.words, *form.load, *account),
        )

    def workload(self) -> Workload:
        """An empty one, for one partition."""
        return Workload(self._load, self.halves_ms)

    def start(self, account: AccountFeatures, at: int) -> CaseFeatures:
        """Of a case that starts at `at` ms; its first event is yet to be applied."""
        account.cases += 1
        words = len(self._words)
        return CaseFeatures(
            at, at, numbers=[nan] * len(self._numbers), words=[""] * words, turns=[0] * words
        )

    def advance(
        self, case: CaseFeatures, account: AccountFeatures, workload: Workload, event: Event
    ) -> None:
        """An event of the case; before a row is read at it."""
        now = max(event.at, case.latest)
        case.gap = now - case.latest
        case.gap_max = max(case.gap_max, case.gap)
        case.latest = now
        case.events += 1
        self._advance_types(case, event.type, now)
        self._advance_data(case, event.data)
        account.events.add(now, self.halves_ms)
        for path in range(len(self._load)):
            if word := case.words[self._first_load + path]:
                workload.add(path, word, now)

    def row(
        self, case: CaseFeatures, account: AccountFeatures, workload: Workload, *,
        name: tuple[str, str], momentum: float = 0.0,
    ) -> Row:  # fmt: skip
        """At the case's newest event. name: of the account and of the case."""
        values: list[float] = []
        view = View(case, account, workload, momentum, case.latest)
        for group in self._groups:
            group.fill(values, view)
        trail = case.trail
        words = [trail[-1], " > ".join(trail[-2:]), *case.words]
        if self._own_account:
            words.append(name[0])
        return Row(np.array(values, np.float32), tuple(words), self.task, name[1], case.latest)

    def _advance_types(self, case: CaseFeatures, type: str, now: int) -> None:
        column = self._types.get(type)
        if column is None:
            column = len(self._types) + _bucket((type,), OTHERS)
        tally = case.types.get(column)
        if tally is None:
            tally = case.types[column] = Tally(now)
        tally.add(now, self.halves_ms)
        case.trail = trail = (*case.trail[1 - TRAIL :], type[:WORD_MAX])
        for length in range(2, len(trail) + 1):
            step = _bucket(trail[-length:], STEPS)
            case.steps[step] = case.steps.get(step, 0) + 1

    def _advance_data(self, case: CaseFeatures, data: dict[str, Any]) -> None:
        for i, path in enumerate(self._numbers):
            value = _at(data, path)
            if type(value) in (int, float) and abs(value) <= VALUE_MAX:
                case.numbers[i] = float(value)
        for i, path in enumerate(self._words):
            value = _at(data, path)
            if value is None:
                continue
            word = str(value)[:WORD_MAX]
            if word != case.words[i]:
                case.turns[i] += bool(case.words[i])
                case.words[i] = word


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if type(data) is not dict:
            return None
        data = data.get(name)
    return data


@lru_cache(maxsize=8192)
def _bucket(words: tuple[str, ...], buckets: int) -> int:
    """The same on every machine.

    >>> _bucket(("page.viewed", "quote.asked"), 32) == _bucket(("quote.asked", "page.viewed"), 32)
    False
    """
    text = "\n".join(words).encode("utf-8", "surrogatepass")
    return int(xxhash.xxh3_64_intdigest(text)) % buckets
