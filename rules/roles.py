"""The events that a rule reads, by the names under which its sentence speaks of them.

For whoever looks at a rule without running it: the loader's checks, lint, descriptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.grammar import RuleForm, SequenceRule, Trigger
from rules.grammar_signals import ChangeRule, ScoreRule
from rules.measure import parse_measure
from rules.positions import Path

SCORE_TYPE = "score.published"  # a learned score, as an event of its account


class Role(NamedTuple):
    """path: where the trigger stands in the rule file."""

    name: str
    path: Path
    trigger: Trigger


def roles(form: RuleForm) -> Iterator[Role]:
    """`start`, `stop` … as the fields are called; steps by their `as`, else step_1, step_2 …"""
    if isinstance(form, SequenceRule):
        for i, step in enumerate(form.steps):
            yield Role(step.as_ or f"step_{i + 1}", ("steps", i), step)
    if isinstance(form, ChangeRule):
        trigger = Trigger(type=parse_measure(form.of).type, where=form.where)
        yield Role("of", ("of",), trigger)
    if isinstance(form, ScoreRule):
        yield Role("score", ("task",), Trigger(type=SCORE_TYPE))
    for name in type(form).model_fields:
        value = getattr(form, name)
        if isinstance(value, Trigger):
            yield Role(name, (name,), value)
