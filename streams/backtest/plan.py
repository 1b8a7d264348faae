"""What a run is made of, in a form that goes to other processes as it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from models.account import Limits
from rules.loader import parse
from rules.ruleset import RuleSet, compile_rules
from streams.settings import Settings


class EventOutcome(NamedTuple):
    """What alerts are held against: events of a type, where: a condition in CEL."""

    type: str
    where: str | None = None


class Plan(NamedTuple):
    """content: of the rule set. topic: what evidence calls the log. run: the run's id.

    folder: for the parts that the lanes write. outcome: None when there is none, or a rule is it.
    """

    content: bytes
    topic: str
    run: str
    folder: Path
    lateness_ms: int
    limits: Limits
    outcome: EventOutcome | None = None

    @property
    def rules(self) -> RuleSet:
        """Compiled anew at each call."""
        return compile_rules(parse(self.content))


def limits_of(settings: Settings) -> Limits:
    """As the agent `follow` has them: the same settings decide live and here."""
    return Limits(
        sequence_length=settings.sequence_length_max,
        remembered_ids=settings.remembered_ids_max,
        momentum_step=settings.momentum_step,
    )
