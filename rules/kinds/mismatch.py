"""`mismatch`: two facts that ought to agree. Keeps the newest of each side, asks when one changes.

docs/semantics.md, "mismatch".
"""

from __future__ import annotations

from collections.abc import Mapping

from models.account import Account
from models.calendar import Calendar
from models.case import Fact, PairCase
from models.event import Event
from rules.context import Context
from rules.grammar_signals import MismatchRule
from rules.kinds.standing import StandingRule
from rules.paths import compile_path
from rules.relation import compile_relation

SIDES = ("left", "right")


class CompiledMismatch(StandingRule[MismatchRule]):
    """A compiled `mismatch` rule: an instance for each value of its key and join fields."""

    def __init__(self, form: MismatchRule, set_digest: str) -> None:
        sides = (form.left, form.right)
        key = dict.fromkeys((*form.key, *form.join))
        super().__init__(form, SIDES, sides, set_digest, tuple(key))
        self.relation = compile_relation(form.when)
        self.values = [compile_path(side.value) for side in sides]

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """A fact that is older than the one that stands (by event time) changes nothing."""
        key = self.reader.key(event)
        if key is None:
            return
        name, case = self.find(account, key)
        assert case is None or isinstance(case, PairCase), "another kind loses its cases"
        fresh = None
        for role in self.reader.matches(event):
            value = self.values[role](event)
            old = case.facts[role] if case else None
            if value is None or (old is not None and old.mark.at > event.at):
                continue
            if case is None:
                case = PairCase(key)
                self.begin(account, name, case, context)
            fresh = self.reader.mark(event, role, event.at)
            case.facts[role] = Fact(fresh, value)
        if case is None or fresh is None:
            return
        left, right = case.facts
        if left is not None and right is not None:
            marks = (left.mark, right.mark)
            times = (left.mark.time, right.mark.time)
            holds = self.relation.holds(left.value, right.value, *times)
            self.settle(account, case, holds, event.at, context, marks, fresh)


def compile_mismatch(
    form: MismatchRule, calendars: Mapping[str, Calendar], set_digest: str
) -> CompiledMismatch:
    """A mismatch has no time to count."""
    return CompiledMismatch(form, set_digest)
