"""The steps of an episode: warnings on the way to its goal, the goal, escalations beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from models.alert import State
from rules.grammar import Escalation


class Step(NamedTuple):
    """number: stable within the rule. amount: elapsed ms (wall) or s (business)."""

    number: int
    amount: int
    name: str
    state: State
    owner: str | None
    is_due: bool = False


class Steps:
    """The steps for a goal, in order of amount; equal amounts: warn, due, escalate.

    >>> steps = Steps([0.5], [])
    >>> [(s.name, s.amount, s.state.value) for s in steps.of(7_200_000)]
    [('warn:0.5', 3600000, 'pending'), ('due', 7200000, 'firing')]
    """

    def __init__(self, warn_at: Sequence[float], escalate: Sequence[Escalation]) -> None:
        self.warn_at = warn_at
        self.escalate = [step for step in escalate if step.after.amount]
        at_once = [step.to for step in escalate if not step.after.amount]
        self.owner = at_once[0] if at_once else None
        self._known: dict[int, list[Step]] = {}

    def of(self, goal: int) -> list[Step]:
        """goal: ms or s, as the rule's time is counted; 0, unknown: none."""
        steps = self._known.get(goal)
        if steps is None:
            steps = self._build(goal)
            if len(self._known) < 1024:  # day_number and bd give each start its own goal
                self._known[goal] = steps
        return steps

    def _build(self, goal: int) -> list[Step]:
        if not goal:
            return []
        steps = [
            Step(i, int(Decimal(repr(f)) * goal), f"warn:{f!r}", State.PENDING, None)
            for i, f in enumerate(self.warn_at)
        ]
        steps.append(Step(len(steps), goal, "due", State.FIRING, self.owner, True))
        for step in self.escalate:
            amount = goal + step.after.amount
            steps.append(Step(len(steps), amount, f"escalate:{step.to}", State.FIRING, step.to))
        return sorted(steps, key=lambda step: step.amount)
