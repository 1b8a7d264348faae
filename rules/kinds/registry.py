"""The kinds of rules: one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from models.account import Account
from models.case import Case
from models.event import Event
from rules.context import Context
from rules.grammar import RuleForm
from rules.kinds.absence import compile_absence
from rules.kinds.change import compile_change
from rules.kinds.composite import compile_composite
from rules.kinds.mismatch import compile_mismatch
from rules.kinds.score import compile_score
from rules.kinds.sequence import compile_sequence
from rules.kinds.signal import compile_signal
from rules.kinds.sla import compile_sla


class Rule(Protocol):
    """A compiled rule: what a kind must do.

    types: the event types that it reads. feeds: (name, max_stale ms) whose staleness holds it.
    """

    id: str
    types: frozenset[str]
    feeds: frozenset[tuple[str, int]]

    @property
    def form(self) -> RuleForm: ...

    def advance(self, account: Account, event: Event, context: Context) -> None: ...

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None: ...

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None: ...

    def sweep(self, account: Account, context: Context) -> None: ...

    def close(self, account: Account, name: str, case: Case, context: Context) -> None: ...


COMPILERS: dict[str, Callable[..., Any]] = {
    "absence": compile_absence,
    "change": compile_change,
    "composite": compile_composite,
    "mismatch": compile_mismatch,
    "score": compile_score,
    "sequence": compile_sequence,
    "signal": compile_signal,
    "sla": compile_sla,
}
