"""Expectations of a run, in a file: counts per rule and alerts by name, for an analyst's CI.

    rules:
      trial.silent-to-day-11:
        firing: {min: 10, max: 20}           # or a number; also resolved, retracted, expired …
        alerts:
          - {account: acme, at: 2026-03-14T00:00:00+08:00}

Behind the engine. Each is a test; one that fails ends the command with exit code 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import AfterValidator, Field, model_validator

from models.alert import State
from models.errors import BadSetting
from rules.check import Outcome
from rules.form_faults import did_you_mean
from rules.grammar_base import Form
from rules.loader import RuleBook
from rules.positions import Document
from streams.backtest.forms import load_form
from streams.backtest.mapping import aware

STATES = tuple(state.value for state in State)
Instant = Annotated[datetime, AfterValidator(aware)]
NEAREST = 3


class Range(Form):
    """Both ends count."""

    min: int = Field(0, ge=0)
    max: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def rises(self) -> Range:
        if self.max is not None and self.max < self.min:
            raise ValueError("`max` is below `min`")
        return self


Count = Annotated[int, Field(ge=0)] | Range


class ExpectedAlert(Form):
    """Fields that are not named may be anything."""

    account: str
    state: State = State.FIRING
    at: Instant | None = None
    due: Instant | None = None
    step: str | None = None


class RuleExpectation(Form):
    """Counts by state, and alerts that must be there; others may be."""

    pending: Count | None = None
    firing: Count | None = None
    resolved: Count | None = None
    retracted: Count | None = None
    expired: Count | None = None
    alerts: tuple[ExpectedAlert, ...] = ()


class Expectations(Form):
    version: Literal[1] = 1
    rules: Annotated[dict[str, RuleExpectation], Field(min_length=1)]


class Expected:
    """A file of expectations. Raises BadSetting for its faults, and for a rule that is not run."""

    def __init__(self, path: Path, book: RuleBook) -> None:
        self.form: Expectations
        self._document: Document
        self.form, self._document = load_form(path, Expectations)
        known = [rule.id for rule in book.rules]
        faults = [
            self._document.fault(("rules", id), f"no rule {id!r}; {did_you_mean(id, known)}")
            for id in self.form.rules
            if id not in known
        ]
        if faults:
            raise BadSetting("\n".join(map(str, sorted(faults))))

    def check(self, alerts: pl.LazyFrame) -> list[Outcome]:
        """One outcome for each expectation, in the order of the file."""
        outcomes = []
        for id, expectation in self.form.rules.items():
            own = alerts.filter(pl.col("rule") == id).collect()
            for path, name, told, wrong in _tests(expectation, own):
                where = self._document.fault(("rules", id, *path), "")
                outcomes.append(Outcome(id, name, where.file, where.line, told, wrong))
        return outcomes


Test = tuple[tuple[str | int, ...], str, tuple[str, ...], tuple[str, ...]]


def _tests(expectation: RuleExpectation, own: pl.DataFrame) -> Iterator[Test]:
    """(place, name, what was said, what is wrong)."""
    for state in STATES:
        wanted: Count | None = getattr(expectation, state)
        if wanted is None:
            continue
        found = own.filter(pl.col("state") == state).height
        least, most = (wanted.min, wanted.max) if isinstance(wanted, Range) else (wanted, wanted)
        words = (
            f"{least}" if least == most else f"{least} to {'any number' if most is None else most}"
        )
        is_met = found >= least and (most is None or found <= most)
        wrong = () if is_met else (f"{state}: expected {words}, was {found}",)
        yield (state,), f"{state}: {words}", (f"{found} {state}",), wrong
    for i, alert in enumerate(expectation.alerts):
        yield _named(i, alert, own)


def _named(number: int, wanted: ExpectedAlert, own: pl.DataFrame) -> Test:
    fields: dict[str, Any] = {"state": wanted.state.value, "account": wanted.account}
    columns = {"at": "occurred_at", "due": "due_at", "step": "step"}
    fields |= {
        columns[name]: value for name in columns if (value := getattr(wanted, name)) is not None
    }
    met = own.filter([pl.col(name) == _utc(value) for name, value in fields.items()])
    words = ", ".join(f"{name} {_said(value)}" for name, value in fields.items())
    near = own.filter(pl.col("account") == wanted.account).sort("occurred_at").head(NEAREST)
    told = tuple(
        f"{row['state']} {row['step']} at {_said(row['occurred_at'])}" for row in near.to_dicts()
    )
    wrong = () if met.height else (f"missing: {words}",)
    return ("alerts", number), words, told, wrong


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _said(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
