"""`sla`: a key behaviour and its answer."""

from __future__ import annotations

from collections.abc import Mapping

from models.calendar import Calendar
from rules.grammar import SlaRule
from rules.kinds.episodes import EpisodeRule, Plan
from rules.kinds.steps import Steps
from rules.kinds.timeline import Measure


def compile_sla(form: SlaRule, calendars: Mapping[str, Calendar], set_digest: str) -> EpisodeRule:
    """Start, stop, cancel, pause and resume as they are; the goal in wall or business time."""
    goal = form.goal
    plan = Plan(
        triggers=(form.stop, form.cancel, form.pause, form.resume, form.start),
        names=("stop", "cancel", "pause", "resume", "start"),
        measure=Measure(
            goal=goal.within,
            calendar=calendars[goal.calendar] if goal.calendar else None,
            restart=form.restart == "on_new_start",
        ),
        steps=Steps(form.warn_at, form.escalate),
    )
    return EpisodeRule(form, plan, set_digest)
