"""The machine under `mismatch`, `change` and `score`: a condition that holds or does not.

It fires when the condition begins to hold and resolves when it no longer does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from models.account import Account
from models.alert import State
from models.case import Case, Mark
from models.identity import canonical
from rules.context import Context
from rules.grammar import RuleForm, Trigger
from rules.herald import Herald
from rules.kinds.reader import Reader

FormT = TypeVar("FormT", bound=RuleForm)


class StandingRule(Generic[FormT]):
    """A kind says by `advance` when its condition is to be looked at, and calls `settle`.

    key: the paths that tell its instances apart.
    """

    feeds: frozenset[tuple[str, int]] = frozenset()

    def __init__(
        self,
        form: FormT,
        names: Sequence[str],
        triggers: Sequence[Trigger],
        set_digest: str,
        key: Sequence[str] | None = None,
    ) -> None:
        self.form = form
        self.id = form.id
        keyed = form if key is None else form.model_copy(update={"key": tuple(key)})
        self.reader = Reader(keyed, names, triggers)
        self.types = frozenset(self.reader.by_type)
        kind = getattr(form, "kind")  # noqa: B009 - each form of a kind has it, their base has not
        self.herald = Herald(form, kind, names, self.reader.types, set_digest)
        self.quiet = form.alert.resolve_on == "never"

    def find(self, account: Account, key: dict[str, Any]) -> tuple[str, Case | None]:
        """The instance's name, and its case if there is one."""
        name = canonical(key) if key else ""
        cases = account.cases.get(self.id)
        return name, cases.get(name) if cases else None

    def begin(self, account: Account, name: str, case: Case, context: Context) -> None:
        """A new instance; the oldest gives way when there are too many."""
        cases = account.cases.setdefault(self.id, {})
        cases[name] = case
        if len(cases) > context.limits.instances:
            del cases[next(iter(cases))]
            context.stats["evicted:instance"] += 1

    def settle(
        self,
        account: Account,
        case: Any,
        holds: bool,
        at: int,
        context: Context,
        evidence: Sequence[Mark],
        cause: Mark | None,
        score: float | None = None,
    ) -> None:
        """Tell what has changed. at: ms. evidence: the marks that name a firing from now on.

        case: with `key` and `opened`, the marks of the firing that stands; none stands: empty.
        """
        if holds and not case.opened:
            case.opened = list(evidence)
            self._send(
                account, case.key, case.opened, State.FIRING, "match", at, context, cause, score
            )
        elif case.opened and not holds:
            opened, case.opened = case.opened, []
            if not self.quiet:
                self._send(
                    account, case.key, opened, State.RESOLVED, "over", at, context, cause, score
                )

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """By default events alone decide."""
        raise AssertionError("this kind schedules nothing")

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None:
        """Nothing of it depends on what is around it."""

    def sweep(self, account: Account, context: Context) -> None:
        """By default an instance remembers until it gives way to another."""

    def close(self, account: Account, name: str, case: Any, context: Context) -> None:
        """The rule is gone or changed: what still stands expires."""
        if case.opened:
            at = context.clock
            args = (State.EXPIRED, "rule_changed", at, context, None)
            self._send(account, case.key, case.opened, *args)

    def _send(
        self,
        account: Account,
        key: dict[str, Any],
        opened: list[Mark],
        state: State,
        step: str,
        at: int,
        context: Context,
        cause: Mark | None,
        score: float | None = None,
    ) -> None:
        self.herald.send(
            context,
            account.id,
            key,
            state,
            step,
            at,
            episode=opened,
            evidence=[*opened, cause] if cause else opened,
            cause=cause,
            score=score,
        )
