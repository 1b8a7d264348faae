"""`sequence`: steps in order within a window, by runs (partial matches) over events in log order.

docs/semantics.md, "sequence". Contiguity and skip strategies are Flink CEP's terms
(nightlies.apache.org/flink, "Event Processing"): strict is `next`, relaxed `followedBy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.account import Account
from models.alert import State
from models.calendar import Calendar
from models.case import Case, Run, RunCase
from models.event import Event
from models.identity import canonical
from rules.context import Context
from rules.grammar import SequenceRule
from rules.herald import Herald
from rules.kinds.reader import Reader

FOREVER = 1 << 62
NO_KEY: dict[str, Any] = {}
NO_CASES: dict[str, Case] = {}


class CompiledSequence:
    """A compiled `sequence` rule. The role of a mark is its step; `without` is the role after."""

    feeds: frozenset[tuple[str, int]] = frozenset()

    def __init__(self, form: SequenceRule, set_digest: str) -> None:
        self.form = form
        self.id = form.id
        self.strict = form.contiguity == "strict"
        self.past_last = form.skip == "past_last"
        self.within = form.within.amount
        self.gaps = [
            (
                step.gap.min.amount if step.gap and step.gap.min else 0,
                step.gap.max.amount if step.gap and step.gap.max else FOREVER,
            )
            for step in form.steps
        ]
        self.without = len(form.steps)
        self.opening = form.steps[0].type
        names = [step.as_ or f"step_{i}" for i, step in enumerate(form.steps, start=1)]
        names.append("without")
        self.reader = Reader(form, names, (*form.steps, form.without))
        self.types = frozenset(self.reader.by_type)
        self.herald = Herald(form, form.kind, names, self.reader.types, set_digest)

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """Offer the event to the runs, oldest first; the context's clock is as before it."""
        reader = self.reader
        cases = account.cases.get(self.id)
        if not cases and (event.type != self.opening or not reader.plays(event, 0)):
            return
        roles = reader.matches(event)
        key = reader.key(event) if reader.keyed else NO_KEY
        if key is None or not (cases or 0 in roles):
            return
        name = canonical(key) if key else ""
        case = cases.get(name) if cases else None
        if case is None:
            case = RunCase(key)
        assert isinstance(case, RunCase), "a rule that changes its kind loses its cases"
        self._live(case, context.clock)
        if self.without in roles:
            case.runs = [run for run in case.runs if run.steps[-1].time > event.at]
        if not self._offer(account, event, roles, case, context) and 0 in roles:
            self._start(account, event, case, context)
        self._keep(account, name, case, context)

    def _keep(self, account: Account, name: str, case: RunCase, context: Context) -> None:
        """A case without runs is no case."""
        if case.runs:
            cases = account.cases.setdefault(self.id, {})
            cases[name] = case
            if len(cases) > context.limits.instances:
                del cases[next(iter(cases))]
                context.stats["evicted:instance"] += 1
        elif account.cases.get(self.id, NO_CASES).pop(name, None) and not account.cases[self.id]:
            del account.cases[self.id]

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """A sequence never fires by the clock."""
        raise AssertionError("sequences schedule nothing")

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None:
        """Nothing of a sequence depends on what is around it."""

    def sweep(self, account: Account, context: Context) -> None:
        """Forget the runs whose time is up."""
        cases = account.cases[self.id]
        for name, case in list(cases.items()):
            assert isinstance(case, RunCase)
            self._live(case, context.clock)
            if not case.runs:
                del cases[name]

    def close(self, account: Account, name: str, case: Case, context: Context) -> None:
        """The rule is gone or changed: partial matches have said nothing yet."""

    def _live(self, case: RunCase, clock: int) -> None:
        for run in case.runs:
            if run.limit <= clock:
                case.runs = [run for run in case.runs if run.limit > clock]
                return

    def _offer(
        self, account: Account, event: Event, roles: list[int], case: RunCase, context: Context
    ) -> bool:
        """True when a match under `past_last` has used the event up."""
        index = account.applied
        kept: list[Run] = []
        for run in case.runs:
            if self._takes(run, event, roles, index):
                self._take(run, event, index)
                if len(run.steps) == self.without:
                    self._match(account, case, run, context)
                    if self.past_last:
                        case.runs = []
                        return True
                    continue
            elif self.strict and run.index < index:
                continue
            kept.append(run)
        case.runs = kept
        return False

    def _takes(self, run: Run, event: Event, roles: list[int], index: int) -> bool:
        step = len(run.steps)
        if step not in roles or (self.strict and run.index != index - 1):
            return False
        since = event.at - run.steps[-1].time
        least, most = self.gaps[step]
        return since >= 0 and least <= since < most and event.at - run.steps[0].time < self.within

    def _take(self, run: Run, event: Event, index: int) -> None:
        run.steps.append(self.reader.mark(event, len(run.steps), event.at))
        run.index = index
        run.limit = self.limit(run)

    def limit(self, run: Run) -> int:
        """The clock (ms) at which the run can no longer match."""
        limit = run.steps[0].time + self.within
        if len(run.steps) < self.without:
            limit = min(limit, run.steps[-1].time + self.gaps[len(run.steps)][1])
        return limit

    def _start(self, account: Account, event: Event, case: RunCase, context: Context) -> None:
        run = Run([self.reader.mark(event, 0, event.at)], account.applied, 0)
        run.limit = self.limit(run)
        if self.without == 1:
            self._match(account, case, run, context)
            return
        case.runs.append(run)
        if len(case.runs) > context.limits.runs:
            del case.runs[0]
            context.stats["evicted:run"] += 1

    def _match(self, account: Account, case: RunCase, run: Run, context: Context) -> None:
        first, last = run.steps[0], run.steps[-1]
        self.herald.send(
            context,
            account.id,
            case.key,
            State.FIRING,
            "match",
            last.time,
            episode=(first, last),
            evidence=run.steps,
            cause=last,
        )


def compile_sequence(
    form: SequenceRule, calendars: Mapping[str, Calendar], set_digest: str
) -> CompiledSequence:
    """Sequences count wall time only."""
    return CompiledSequence(form, set_digest)
