"""The checks of lint: each looks at one rule and yields where it finds what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from models.calendar import Calendar
from models.duration import Duration
from models.event import Event, place
from rules.condition import compile_condition
from rules.grammar import AbsenceRule, RuleForm, SequenceRule, SlaRule, Trigger
from rules.grammar_signals import ChangeRule, CompositeRule, ScoreRule
from rules.positions import Path
from rules.roles import roles
from rules.terms import contradictions
from rules.threshold import parse_drop
from rules.timespan import span

DAY_MS = 86_400_000
DWELL_MS = 7 * DAY_MS
NEEDED = ("start", "anchor", "on", "of", "left", "right")
_STAGE = re.compile(r"(^|[._])(stage|phase)([._]|$)")


class Around(NamedTuple):
    """What a rule is judged by. retention_ms: how long the interactions are kept.

    rules: all of them. events: the data of all test events, by type.
    """

    calendars: Mapping[str, Calendar]
    retention_ms: int
    rules: Sequence[RuleForm]
    events: Mapping[str, Sequence[Any]]


Found = Iterator[tuple[Path, str]]


def start_is_stop(form: RuleForm, around: Around) -> Found:
    """One event that starts and ends; in a `since_last` chain that is meant."""
    if isinstance(form, SlaRule):
        start, name = form.start, "start"
        ends = {"stop": form.stop, "cancel": form.cancel}
    elif isinstance(form, AbsenceRule) and form.measure != "since_last":
        start, name = form.anchor, "anchor"
        ends = {"expect": form.expect, "until": form.until}
    else:
        return
    for end, trigger in ends.items():
        if trigger is not None and _overlap(start, trigger):
            yield (end,), f"`{end}` takes the same events as `{name}`: nothing can be measured"


def _overlap(one: Trigger, other: Trigger) -> bool:
    return one.type == other.type and (one.where == other.where or None in (one.where, other.where))


def no_owner(form: RuleForm, around: Around) -> Found:
    """An alert that nobody has to answer."""
    if form.owner is None:
        yield (), "no `owner`: nobody answers for its alerts"


def no_feeds(form: RuleForm, around: Around) -> Found:
    """A dead feed is not a silent customer."""
    if isinstance(form, AbsenceRule) and not form.feeds:
        yield ("kind",), "no `feeds`: when the feed of the expected event dies, everybody is silent"


def longer_than_kept(form: RuleForm, around: Around) -> Found:
    """Live state remembers; a replay of the topic does not."""
    kept = span(around.retention_ms)
    message = f"not shorter than the interactions are kept ({kept}): a replay cannot see it whole"
    for path, duration in _windows(form):
        if _least_ms(duration) >= around.retention_ms:
            yield path, message


def _windows(form: RuleForm) -> Iterator[tuple[Path, Duration]]:
    if isinstance(form, SequenceRule):
        yield ("within",), form.within
    elif isinstance(form, SlaRule):
        yield ("goal", "within"), form.goal.within
    elif isinstance(form, ChangeRule):
        yield ("baseline",), Duration(form.baseline.amount + form.window.amount, "wall")
    elif isinstance(form, ScoreRule) and form.when.drop:
        yield ("when", "drop"), parse_drop(form.when.drop)[1]
    elif isinstance(form, CompositeRule):
        yield ("within",), form.within
    elif isinstance(form, AbsenceRule):
        deadline = form.deadline
        if deadline.after is not None:
            yield ("deadline", "after"), deadline.after
        else:
            yield ("deadline",), Duration((deadline.day_number or 0) * DAY_MS, "wall")


def _least_ms(duration: Duration) -> int:
    """By the wall clock; business time takes at least as long."""
    return duration.amount * {"wall": 1, "bh": 1_000, "bd": DAY_MS}[duration.unit]


def stage_dwell(form: RuleForm, around: Around) -> Found:
    """Waiting for a stage to change says late what behaviour says early."""
    message = (
        "a deal that stays in its stage for a week is a late signal: look for what comes first"
    )
    read = [role for role in roles(form) if role.name in ("start", "anchor")]
    windows = [path for path, duration in _windows(form) if _least_ms(duration) >= DWELL_MS]
    if windows and any(_STAGE.search(role.trigger.type) for role in read):
        yield windows[0], message


def never_fires(form: RuleForm, around: Around) -> Found:
    """A condition that nothing meets, or a sequence without room for its steps."""
    for role in roles(form):
        needed = role.name in NEEDED or role.path[0] == "steps"
        where = role.trigger.where
        if not needed or not where:
            continue
        if _is_never(where):
            yield (*role.path, "where"), "is never true, so the rule can never fire"
        for path in contradictions(where):
            message = f"asks of {path} what no value is, so the rule can never fire"
            yield (*role.path, "where"), message
    if isinstance(form, SequenceRule):
        yield from _no_room(form)


def _no_room(form: SequenceRule) -> Found:
    waited, ends = 0, form.without
    for i, step in enumerate(form.steps):
        least = step.gap.min.amount if step.gap and step.gap.min else 0
        most = step.gap.max.amount if step.gap and step.gap.max else None
        waited += least
        if most is not None and least >= most:
            yield ("steps", i, "gap"), "`min` is not below `max`, so the rule can never fire"
        elif least and waited >= form.within.amount:
            yield ("steps", i, "gap"), "the gaps fill `within`, so the rule can never fire"
        if i and ends and ends.type == step.type and ends.where in (None, step.where):
            yield ("without",), "takes the events of a step, so the rule can never fire"


def _is_never(where: str) -> bool:
    """A condition that reads nothing of the event, and is not true of one."""
    condition = compile_condition(where)
    return not condition.paths and not condition(_ANY)


_ANY = place(
    Event(
        specversion="1.0",
        id="1",
        source="//lint",
        type="any.event",
        time=datetime(2026, 3, 2, tzinfo=UTC),
        subject="account-1",
    ),
    0,
)


def provisional(form: RuleForm, around: Around) -> Found:
    """A deadline may fall into a year whose days off are not all known."""
    for field in ("goal", "deadline"):
        calendar = around.calendars.get(getattr(getattr(form, field, None), "calendar", None) or "")
        forms = calendar.form.years.items() if calendar else ()
        years = ", ".join(str(year) for year, own in forms if own.provisional)
        if calendar and years:
            message = (
                f"{calendar.id} is provisional for {years}: complete it once the notice is out"
            )
            yield (field, "calendar"), message
