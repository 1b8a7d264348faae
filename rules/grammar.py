"""The rule language as pydantic models: what a rule file may say. Meaning lives in `kinds/`."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field, model_validator

from models.alert import Severity
from models.duration import Duration
from rules.grammar_base import EventType, Form, Fractions, Path, Span, WallSpan, Zone
from rules.grammar_tests import RuleTest

FormT = TypeVar("FormT", bound=Form)
Topic = Literal["sla-breaches", "journey-breaks", "signals"]


class Trigger(Form):
    """An event of a type, perhaps with a condition in CEL."""

    type: EventType
    where: str | None = None


class Gap(Form):
    """Time from the step before: `min` counts, `max` does not."""

    min: WallSpan | None = None
    max: WallSpan | None = None


class Step(Trigger):
    as_: str | None = Field(None, alias="as", pattern=r"^[a-z_][a-z0-9_]*$")
    gap: Gap | None = None


class Late(Form):
    accept: WallSpan = Duration(6 * 3_600_000, "wall")
    on_late: Literal["retract", "ignore"] = "retract"

    @property
    def accept_ms(self) -> int:
        return 0 if self.on_late == "ignore" else self.accept.amount


class AlertForm(Form):
    topic: Topic | None = None
    resolve_on: Literal["expect", "never"] = "expect"
    cooldown: WallSpan | None = None
    repeat: Span | None = None
    calendar: str | None = None
    group: tuple[Path, ...] = ()

    @model_validator(mode="after")
    def _calendar(self) -> AlertForm:
        if (self.repeat is not None and self.repeat.business) != (self.calendar is not None):
            raise ValueError("`repeat` in business time (bh, bd) needs `calendar`, wall has none")
        return self


class StageEquivalence(Form):
    stage: str = Field(min_length=1)
    ratio: float = Field(allow_inf_nan=False)


class Weight(Form):
    value: float = Field(allow_inf_nan=False)
    half_life: WallSpan | None = None
    stage_equivalence: StageEquivalence | None = None

    @model_validator(mode="after")
    def _fades(self) -> Weight:
        if self.half_life and self.half_life.amount < 1_000:
            raise ValueError("a `half_life` is a second or more; leave it out if nothing fades")
        return self


class Feed(Form):
    max_stale: WallSpan


class Goal(Form):
    within: Span
    calendar: str | None = None

    @model_validator(mode="after")
    def _calendar(self) -> Goal:
        return _needs_calendar(self, self.within, self.calendar)


class Deadline(Form):
    after: Span | None = None
    calendar: str | None = None
    day_number: int | None = Field(None, ge=0, le=3650)
    tz: Zone | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Deadline:
        if (self.after is None) == (self.day_number is None):
            raise ValueError("write either `after` or `day_number`")
        if (self.day_number is not None) != (self.tz is not None):
            raise ValueError("`day_number` needs `tz` (account or an IANA zone), `after` has none")
        if self.after is None:
            return self
        return _needs_calendar(self, self.after, self.calendar)


class Escalation(Form):
    after: Span
    to: str


class RuleForm(Form):
    """The fields that all kinds share."""

    id: str = Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: str
    status: Literal["draft", "shadow", "active", "deprecated"]
    why: str
    owner: str | None = None
    severity: Severity
    industry: str | None = None
    tags: tuple[str, ...] = ()
    runbook: str | None = None
    known_false_positives: str | None = None
    suggested_action: str | None = None
    key: tuple[Path, ...] = Field((), max_length=8)
    weight: Weight | None = None
    late: Late = Late()
    alert: AlertForm = AlertForm()
    on_change: Literal["expire", "finish", "migrate"] = "expire"
    tests: tuple[RuleTest, ...]

    @model_validator(mode="after")
    def _tested(self) -> RuleForm:
        if not any(test.expect for test in self.tests) or all(t.expect for t in self.tests):
            raise ValueError("`tests` needs one that fires and one that stays silent")
        return self


class SequenceRule(RuleForm):
    kind: Literal["sequence"]
    steps: tuple[Step, ...] = Field(min_length=1, max_length=16)
    contiguity: Literal["strict", "relaxed"] = "relaxed"
    without: Trigger | None = None
    within: WallSpan
    skip: Literal["past_last", "to_next"] = "past_last"

    @model_validator(mode="after")
    def _names(self) -> SequenceRule:
        names = [step.as_ for step in self.steps if step.as_]
        if len(names) != len(set(names)):
            raise ValueError("two steps have the same name in `as`")
        if self.steps[0].gap is not None:
            raise ValueError("the first step has no step before it, so no `gap`")
        return self


class AbsenceRule(RuleForm):
    kind: Literal["absence"]
    anchor: Trigger
    expect: Trigger
    until: Trigger | None = None
    restart: Literal["on_new_start", "ignore"] = "on_new_start"
    measure: Literal["since_anchor", "since_last", "on_day"] = "since_anchor"
    deadline: Deadline
    warn_at: Fractions = ()
    feeds: dict[str, Feed] = Field({})

    @model_validator(mode="after")
    def _on_day(self) -> AbsenceRule:
        if self.measure == "on_day" and self.deadline.day_number is None:
            raise ValueError("`measure: on_day` needs `deadline: {day_number, tz}`")
        return self


class SlaRule(RuleForm):
    kind: Literal["sla"]
    start: Trigger
    stop: Trigger
    pause: Trigger | None = None
    resume: Trigger | None = None
    cancel: Trigger | None = None
    restart: Literal["on_new_start", "ignore"] = "on_new_start"
    goal: Goal
    warn_at: Fractions = ()
    escalate: tuple[Escalation, ...] = Field((), max_length=16)
    feeds: dict[str, Feed] = Field({})

    @model_validator(mode="after")
    def _units(self) -> SlaRule:
        if (self.pause is None) != (self.resume is None):
            raise ValueError("`pause` and `resume` go together")
        for step in self.escalate:
            if step.after.business != self.goal.within.business:
                raise ValueError("`escalate.after` needs the goal's kind of time")
            if step.after.unit == "bd":
                raise ValueError("`escalate.after` is counted in bh or wall time, not in bd")
        return self


def _needs_calendar(form: FormT, span: Duration, calendar: str | None) -> FormT:
    if span.business != (calendar is not None):
        raise ValueError("business time (bh, bd) needs `calendar`, wall time has none")
    if span.amount == 0:
        raise ValueError("a deadline of zero can never be met")
    return form
