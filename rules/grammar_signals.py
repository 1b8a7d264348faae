"""Forms of the kinds that speak as soon as something is so; the other half is in `grammar.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from rules.grammar import RuleForm, Trigger
from rules.grammar_base import Form, Path, WallSpan
from rules.measure import parse_measure
from rules.threshold import compile_threshold, parse_drop

WINDOWS_MAX = 16  # of a baseline: so much of an account's past is kept


def _threshold(value: str) -> str:
    compile_threshold(value)
    return value


def _measure(value: str) -> str:
    parse_measure(value)
    return value


def _drop(value: str) -> str:
    parse_drop(value)
    return value


Threshold = Annotated[str, AfterValidator(_threshold)]


class SignalRule(RuleForm):
    kind: Literal["signal"]
    on: Trigger


class Side(Trigger):
    value: Path


class MismatchRule(RuleForm):
    kind: Literal["mismatch"]
    left: Side
    right: Side
    join: tuple[Path, ...] = Field(min_length=1, max_length=8)
    when: str


class ChangeWhen(Form):
    ratio: Threshold | None = None
    z: Threshold | None = None

    @model_validator(mode="after")
    def _some(self) -> ChangeWhen:
        if self.ratio is None and self.z is None:
            raise ValueError("`when` needs `ratio` or `z`, or both")
        return self


class ChangeRule(RuleForm):
    kind: Literal["change"]
    of: Annotated[str, AfterValidator(_measure)]
    where: str | None = None
    window: WallSpan
    baseline: WallSpan
    min_count: int = Field(1, ge=1)
    when: ChangeWhen | None = None
    direction: Literal["turn"] | None = None

    @model_validator(mode="after")
    def _one_question(self) -> ChangeRule:
        if (self.when is None) == (self.direction is None):
            raise ValueError("write either `when` or `direction: turn`")
        if self.direction and parse_measure(self.of).kind != "mean":
            raise ValueError("only a mean turns: `direction: turn` needs `of: mean(…)`")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> ChangeRule:
        window, baseline = self.window.amount, self.baseline.amount
        if window < 60_000:
            raise ValueError("a `window` of less than a minute is not kept")
        if baseline % window or not window <= baseline <= WINDOWS_MAX * window:
            raise ValueError(f"`baseline` is 1 to {WINDOWS_MAX} whole windows; more is not kept")
        if self.when and self.when.z and baseline == window:
            raise ValueError("`z` needs a baseline of two windows or more")
        return self


class ScoreWhen(Form):
    value: Threshold | None = None
    drop: Annotated[str, AfterValidator(_drop)] | None = None

    @model_validator(mode="after")
    def _some(self) -> ScoreWhen:
        if self.value is None and self.drop is None:
            raise ValueError("`when` needs `value` or `drop`, or both")
        return self


class ScoreRule(RuleForm):
    kind: Literal["score"]
    task: str = Field(min_length=1)
    when: ScoreWhen


class Member(Form):
    rule: str
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)


class CompositeWhen(Form):
    at_least: int | None = Field(None, ge=1)
    score: Threshold | None = None

    @model_validator(mode="after")
    def _one_form(self) -> CompositeWhen:
        if (self.at_least is None) == (self.score is None):
            raise ValueError("write either `at_least` or `score`")
        return self


class CompositeRule(RuleForm):
    kind: Literal["composite"]
    of: tuple[Member, ...] = Field(min_length=1, max_length=64)
    within: WallSpan
    when: CompositeWhen

    @model_validator(mode="after")
    def _members(self) -> CompositeRule:
        if len({member.rule for member in self.of}) < len(self.of):
            raise ValueError("a rule stands twice in `of`")
        if (self.when.at_least or 0) > len(self.of):
            raise ValueError("`at_least` asks for more rules than stand in `of`")
        if self.when.score and compile_threshold(self.when.score)(0):
            raise ValueError("`score` is met before anything has happened")
        return self
