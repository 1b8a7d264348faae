"""`absence`: an anchor, and nothing after it."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from models.calendar import Calendar
from rules.grammar import AbsenceRule
from rules.kinds.episodes import EpisodeRule, Plan
from rules.kinds.steps import Steps
from rules.kinds.timeline import Measure


def compile_absence(
    form: AbsenceRule, calendars: Mapping[str, Calendar], set_digest: str
) -> EpisodeRule:
    """The anchor starts, the expected event stops, `until` cancels."""
    deadline = form.deadline
    zone = deadline.tz if deadline.tz not in (None, "account") else None
    plan = Plan(
        triggers=(form.expect, form.until, None, None, form.anchor),
        names=("expect", "until", "pause", "resume", "anchor"),
        measure=Measure(
            goal=deadline.after,
            calendar=calendars[deadline.calendar] if deadline.calendar else None,
            day_number=deadline.day_number or 0,
            zone=ZoneInfo(zone) if zone else None,
            chained=form.measure == "since_last",
            on_day=form.measure == "on_day",
            restart=form.restart == "on_new_start",
        ),
        steps=Steps(form.warn_at, ()),
    )
    return EpisodeRule(form, plan, set_digest)
