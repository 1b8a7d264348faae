"""`composite`: other rules' hits together. Looks after its members, within the same record.

docs/semantics.md, "composite".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import fsum
from typing import Any

from msgspec.structs import replace

from models.account import Account
from models.alert import State
from models.calendar import Calendar
from models.case import Case, CompositeCase, Hit
from models.event import Event
from models.identity import canonical
from rules.context import Context, Heard
from rules.grammar_signals import CompositeRule
from rules.herald import Herald
from rules.threshold import compile_threshold


class CompiledComposite:
    """A compiled `composite` rule. members: weights by rule id."""

    feeds: frozenset[tuple[str, int]] = frozenset()
    types: frozenset[str] = frozenset()

    def __init__(self, form: CompositeRule, set_digest: str) -> None:
        self.form = form
        self.id = form.id
        self.members = {member.rule: member.weight for member in form.of}
        self.within = form.within.amount
        self.at_least = form.when.at_least
        self.score = compile_threshold(form.when.score) if form.when.score else None
        self.herald = Herald(form, form.kind, (), (), set_digest)
        self.quiet = form.alert.resolve_on == "never"

    def hear(self, account: Account, heard: Iterable[Heard], context: Context) -> None:
        """What its members have just said of the account."""
        instances: dict[str, list[Heard]] = {}
        for one in heard:
            if one.hit.rule in self.members:
                key = {path: one.key[path] for path in self.form.key}
                instances.setdefault(canonical(key) if key else "", []).append(one)
        for name, own in instances.items():
            self._take(account, name, own, context)

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """It reads no events."""
        raise AssertionError("a composite hears its members")

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """A hit has left the time in which it counts."""
        assert isinstance(case, CompositeCase)
        self._look(account, case, case.due, context, retracted=False)
        self._schedule(account, name, case, context)

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None:
        """Nothing of it depends on what is around it."""

    def sweep(self, account: Account, context: Context) -> None:
        """Forget instances whose hits count no more."""
        cases = account.cases[self.id]
        for name, case in list(cases.items()):
            assert isinstance(case, CompositeCase)
            newest = max((hit.at for hit in case.hits), default=0)
            if not case.opened and newest + self.within <= context.clock:
                del cases[name]

    def close(self, account: Account, name: str, case: Case, context: Context) -> None:
        """The rule is gone or changed: what still stands expires."""
        assert isinstance(case, CompositeCase)
        if case.opened:
            self._send(account, case, State.EXPIRED, "rule_changed", context.clock, context)

    def _take(self, account: Account, name: str, heard: list[Heard], context: Context) -> None:
        cases = account.cases.setdefault(self.id, {})
        case = cases.get(name)
        if case is None:
            case = cases[name] = CompositeCase({path: heard[0].key[path] for path in self.form.key})
            if len(cases) > context.limits.instances:
                del cases[next(iter(cases))]
                context.stats["evicted:instance"] += 1
        assert isinstance(case, CompositeCase), "another kind loses its cases"
        now = max(case.looked, *(one.hit.at for one in heard))
        self._look_until(account, case, now, context)
        retracted = False
        for hit, _, is_retracted in heard:
            kept = [old for old in case.hits if old.fingerprint != hit.fingerprint]
            retracted = retracted or (is_retracted and len(kept) < len(case.hits))
            case.hits = kept if is_retracted else [*kept, hit]
        if len(case.hits) > context.limits.hits:
            del case.hits[0]
            context.stats["evicted:hit"] += 1
        self._look(account, case, now, context, retracted=retracted)
        self._look_until(account, case, context.clock, context)  # what came was late
        self._schedule(account, name, case, context)

    def _look_until(
        self, account: Account, case: CompositeCase, now: int, context: Context
    ) -> None:
        while case.due and case.due <= now:
            self._look(account, case, case.due, context, retracted=False)

    def _look(
        self, account: Account, case: CompositeCase, now: int, context: Context, *, retracted: bool
    ) -> None:
        case.looked = now
        case.hits = [hit for hit in case.hits if now < hit.at + self.within]
        there = {hit.rule for hit in case.hits}
        score = fsum(weight for rule, weight in self.members.items() if rule in there)
        holds = self.score(score) if self.score else len(there) >= (self.at_least or 0)
        if holds and not case.opened:
            case.opened = case.hits[:]
            self._send(account, case, State.FIRING, "match", now, context, score)
        elif case.opened and not holds:
            if retracted:
                self._send(account, case, State.RETRACTED, "retract", now, context, score)
            elif not self.quiet:
                self._send(account, case, State.RESOLVED, "over", now, context, score)
            case.opened = []
        case.due = min(hit.at for hit in case.hits) + self.within if case.opened else 0

    def _schedule(self, account: Account, name: str, case: CompositeCase, context: Context) -> None:
        if case.due:
            context.schedule(case.due, account.id, self.id, name)

    def _send(
        self,
        account: Account,
        case: CompositeCase,
        state: State,
        step: str,
        at: int,
        context: Context,
        score: float | None = None,
    ) -> None:
        hits: list[Hit] = case.opened
        self.herald.send(
            context,
            account.id,
            case.key,
            state,
            step,
            at,
            episode=(),
            names=[hit.fingerprint for hit in hits],
            evidence=[replace(hit.mark, role=i, values=()) for i, hit in enumerate(hits)],
            types=[hit.type for hit in hits],
            score=score if self.score else None,
        )


def compile_composite(
    form: CompositeRule, calendars: Mapping[str, Calendar], set_digest: str
) -> Any:
    """A composite counts wall time only."""
    return CompiledComposite(form, set_digest)
