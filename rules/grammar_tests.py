"""The tests at the bottom of a rule as pydantic models. What they check is `check.py`'s."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from models.alert import State
from rules.grammar_base import EventType, Form, Span, WallSpan


class TestEvent(Form):
    """One line of a test's timeline: an event, or `feed: {name: stale | alive}`."""

    __test__ = False  # not a pytest class

    at: Span
    type: EventType | None = None
    feed: dict[str, Literal["stale", "alive"]] | None = None
    account: str = "account-1"
    id: str | None = None
    data: dict[str, Any] = Field({})
    time: WallSpan | None = Field(None, description="event time when it differs from `at` (late)")
    actorkind: str | None = None
    provenance: str | None = None
    accounttz: str | None = None
    source: str = "//test"

    @model_validator(mode="after")
    def _one_form(self) -> TestEvent:
        if (self.type is None) == (self.feed is None):
            raise ValueError("write either `type` or `feed`")
        return self


class Expected(Form):
    """Fields of an alert that must be so; `at` is its `occurred_at`."""

    at: datetime | Span
    state: State
    account: str | None = None
    step: str | None = None
    due: datetime | None = None
    key: dict[str, Any] | None = None
    owner: str | None = None
    why: str | None = None


class RuleTest(Form):
    __test__ = False  # not a pytest class

    name: str
    start: datetime
    events: tuple[TestEvent, ...]
    run_until: WallSpan | None = None
    expect: tuple[Expected, ...]

    @model_validator(mode="after")
    def _aware(self) -> RuleTest:
        if self.start.tzinfo is None:
            raise ValueError("`start` needs an offset, such as 2026-03-02T09:00:00+08:00")
        return self
