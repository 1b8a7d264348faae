"""A task as a person writes it: what is predicted of which case, from what, by which learner.

One YAML file below `rules/tasks/`, read by `rules/task_book.py`. How to add one: docs/scores.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.duration import Duration

Horizon = Literal["censored", "positive"]
TYPES_MAX = 64
PATHS_MAX = 16


class Form(BaseModel):
    """Unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _span(value: object) -> Duration:
    span = value if isinstance(value, Duration) else Duration.parse(value)
    if span.business or not span.amount:
        raise ValueError("wall time above zero is wanted here (s, m, h, d, w), such as 30d")
    return span


def _once(values: Sequence[object]) -> Sequence[object]:
    if len(set(values)) < len(values):
        raise ValueError("something stands here twice")
    return values


def _halves(values: tuple[Duration, ...]) -> tuple[Duration, ...]:
    if any(b.amount <= a.amount for a, b in pairwise(values)):
        raise ValueError("half-lives rise, each is longer than the one before")
    return values


WallSpan = Annotated[Duration, BeforeValidator(_span)]
EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$")]
Path = Annotated[str, Field(pattern=r"^data(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
Paths = Annotated[tuple[Path, ...], Field(max_length=PATHS_MAX), AfterValidator(_once)]
Types = Annotated[tuple[EventType, ...], Field(max_length=TYPES_MAX), AfterValidator(_once)]


class EventTrigger(Form):
    """An event of the account; without `type` any that belongs to the case."""

    type: EventType | None = None
    where: str | None = Field(None, description="CEL over the event")

    @model_validator(mode="after")
    def _some(self) -> EventTrigger:
        if self.type is None and self.where is None:
            raise ValueError('write `type`, `where`, or both (`where: "true"` is any event)')
        return self


class AlertTrigger(Form):
    """An alert of our own, of a rule whose key holds the task's `case` paths."""

    alert: str = Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", description="id of the rule")
    state: Literal["firing", "resolved", "expired"] = "firing"


Trigger = EventTrigger | AlertTrigger


class FeaturesForm(Form):
    """What a row is made of; the order of the lists is the order of the columns."""

    types: Types = Field((), description="event types with columns of their own")
    half_lives: Annotated[tuple[WallSpan, ...], AfterValidator(_halves)] = Field(
        (Duration.parse("1d"), Duration.parse("1w")),
        min_length=1,
        max_length=4,
        description="by which counts fade",
    )
    numbers: Paths = Field((), description="numeric event data; the latest value counts")
    words: Paths = Field((), description="categories in event data; the latest counts")
    load: Paths = Field((), description="those who do the work: how busy each is")
    account: bool = Field(True, description="what the account did outside of the case")
    momentum: bool = Field(False, description="the account's momentum")
    calendar: str | None = Field(None, description="whose business time counts")


class Minimum(Form):
    """Below any of these a score is null, with the reason."""

    cases: int = Field(200, ge=1, description="matured cases learnt from")
    positives: int = Field(20, ge=1)
    negatives: int = Field(20, ge=1)


class Task(Form):
    """A question about each case, asked at every event that `score_at` names."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="the file's name")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: str = Field(min_length=1)
    case: Annotated[tuple[Path, ...], Field(max_length=8), AfterValidator(_once)] = Field(
        (), description="paths that tell cases of an account apart; none: one case at a time"
    )
    starts: tuple[EventTrigger, ...] = Field(min_length=1)
    positive: tuple[Trigger, ...] = ()
    negative: tuple[Trigger, ...] = ()
    horizon: WallSpan = Field(description="after the start; a case still open then is closed")
    at_horizon: Horizon = "censored"
    score_at: Types = Field(min_length=1)
    features: FeaturesForm = FeaturesForm()
    learner: str = Field("logistic", description="name in the registry of learners")
    shadow: str | None = Field(None, description="another one, on trial beside it")
    thresholds: tuple[float, ...] = Field(
        (), max_length=8, description="probabilities whose crossing is published, whatever the step"
    )
    minimum: Minimum = Minimum()

    @model_validator(mode="after")
    def _two_labels(self) -> Task:
        if not self.negative:
            raise ValueError("`negative` is missing: a learner needs both labels")
        if not self.positive and self.at_horizon != "positive":
            raise ValueError("write `positive`, or `at_horizon: positive` where silence is it")
        return self

    @model_validator(mode="after")
    def _two_learners(self) -> Task:
        if self.shadow == self.learner:
            raise ValueError("`shadow` is another learner than `learner`")
        if any(not 0 < threshold < 1 for threshold in self.thresholds):
            raise ValueError("`thresholds` are probabilities between 0 and 1")
        return self
