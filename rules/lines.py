"""The lines of a task's score: values whose crossing is worth telling, however small the step.

Between the rules of kind `score`, which ask, and the case book, which tells.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from models.task import Task
from rules.grammar_signals import ScoreRule
from rules.ruleset import RuleSet
from rules.threshold import compile_threshold


class Lines(NamedTuple):
    """sides: each tells on which side of a line a value is. every: a rule follows each change."""

    sides: tuple[Callable[[float], bool], ...] = ()
    every: bool = False

    def is_crossed(self, was: float, now: float) -> bool:
        """Whether somebody who knows `was` has to hear of `now`.

        >>> Lines((compile_threshold("> 0.7"),)).is_crossed(0.69, 0.71)
        True
        """
        if self.every and was != now:
            return True
        return any(side(was) != side(now) for side in self.sides)


NO_LINES = Lines()


def lines_of(rules: RuleSet, tasks: Iterable[Task]) -> Mapping[str, Lines]:
    """What the tasks and the rules of the set ask for, by task. Where a rule looks for a fall each
    change is told: it measures from the highest value, which must not be missed.
    """
    found = {
        task.id: Lines(tuple(partial(operator.le, threshold) for threshold in task.thresholds))
        for task in tasks
    }
    for rule in rules.rules.values():
        form = rule.form
        if isinstance(form, ScoreRule):
            lines = found.get(form.task, NO_LINES)
            value, drop = form.when.value, form.when.drop
            sides = (compile_threshold(value),) if value else ()
            found[form.task] = Lines(lines.sides + sides, lines.every or drop is not None)
    return found
