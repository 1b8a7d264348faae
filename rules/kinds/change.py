"""`change`: a rate or a value against the account's own past.

docs/semantics.md, "change". Asked at every event that it measures; while it fires also by the
clock, since a window empties without an event.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from operator import attrgetter

from models.account import Account
from models.calendar import Calendar
from models.case import Case, ChangeCase, Mark, Sample
from models.event import Event
from rules.context import Context
from rules.grammar import Trigger
from rules.grammar_signals import ChangeRule
from rules.kinds.past import Past
from rules.kinds.standing import StandingRule
from rules.measure import Gauge

_at = attrgetter("at")


class CompiledChange(StandingRule[ChangeRule]):
    """A compiled `change` rule."""

    def __init__(self, form: ChangeRule, set_digest: str) -> None:
        self.past = Past(form)
        self.gauge = Gauge(self.past.measure)
        trigger = Trigger(type=self.past.measure.type, where=form.where)
        super().__init__(form, ("of",), (trigger,), set_digest)

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """An event older than the whole baseline counts nowhere."""
        if not self.reader.plays(event, 0):
            return
        read, key = self.gauge.read(event), self.reader.key(event)
        if read is None or key is None:
            return
        name, case = self.find(account, key)
        assert case is None or isinstance(case, ChangeCase), "another kind loses its cases"
        if case is not None and self._is_over(case, max(event.at, context.clock)):
            del account.cases[self.id][name]
            case = None
        at = event.at - event.at % self.past.grain
        if case is None:
            case = ChangeCase(key, [], at, event.at)
            self.begin(account, name, case, context)
        now = max(event.at, case.looked)
        if now - at >= self.past.reach:
            return
        self._look_until(account, name, case, now, context)
        case.since = min(case.since, at)
        self._add(case, at, *read)
        self._look(account, name, case, now, context, self.reader.mark(event, 0, event.at))
        self._look_until(account, name, case, context.clock, context)  # the event came late
        self._schedule(account, name, case, context)

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """A sample has passed from window to window."""
        assert isinstance(case, ChangeCase)
        self._look(account, name, case, case.due, context, None)
        self._schedule(account, name, case, context)

    def sweep(self, account: Account, context: Context) -> None:
        """Forget instances without a sample that still counts."""
        cases = account.cases[self.id]
        for name, case in list(cases.items()):
            assert isinstance(case, ChangeCase)
            if self._is_over(case, context.clock):
                del cases[name]

    def _is_over(self, case: ChangeCase, clock: int) -> bool:
        """No sample counts any more: the past of the instance begins anew."""
        return not case.opened and clock - case.looked >= self.past.reach

    def _add(self, case: ChangeCase, at: int, total: float, size: int) -> None:
        samples = case.samples
        place = bisect_left(samples, at, key=_at)
        if place == len(samples) or samples[place].at != at:
            samples.insert(place, Sample(at))
        sample = samples[place]
        sample.events += 1
        sample.total += total
        sample.size += size

    def _look(
        self,
        account: Account,
        name: str,
        case: ChangeCase,
        now: int,
        context: Context,
        cause: Mark | None,
    ) -> None:
        case.looked = now
        samples = case.samples
        while samples and now - samples[0].at >= self.past.reach:
            del samples[0]
        holds = self.past.holds(samples, case.since, now)
        self.settle(account, case, holds, now, context, [cause] if cause else [], cause)
        case.due = self.past.next_look(samples, case.since, now) if case.opened else 0

    def _look_until(
        self, account: Account, name: str, case: ChangeCase, now: int, context: Context
    ) -> None:
        while case.due and case.due <= now:
            self._look(account, name, case, case.due, context, None)

    def _schedule(self, account: Account, name: str, case: ChangeCase, context: Context) -> None:
        if case.due:
            context.schedule(case.due, account.id, self.id, name)


def compile_change(
    form: ChangeRule, calendars: Mapping[str, Calendar], set_digest: str
) -> CompiledChange:
    """A change counts wall time only."""
    return CompiledChange(form, set_digest)
