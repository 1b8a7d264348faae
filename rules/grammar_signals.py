"""Forms of the kinds that speak as soon as something is so; the other half is in `grammar.py`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rules.grammar import Path, RuleForm, Trigger


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
