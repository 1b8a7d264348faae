"""`signal`: one event. It says so and remembers nothing."""

from __future__ import annotations

from collections.abc import Mapping

from models.account import Account
from models.alert import State
from models.calendar import Calendar
from models.case import Case
from models.event import Event
from rules.context import Context
from rules.grammar_signals import SignalRule
from rules.herald import Herald
from rules.kinds.reader import Reader


class CompiledSignal:
    """A compiled `signal` rule."""

    feeds: frozenset[tuple[str, int]] = frozenset()

    def __init__(self, form: SignalRule, set_digest: str) -> None:
        self.form = form
        self.id = form.id
        self.reader = Reader(form, ("on",), (form.on,))
        self.types = frozenset(self.reader.by_type)
        self.herald = Herald(form, form.kind, ("on",), self.reader.types, set_digest)

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """The event matches or it does not."""
        if not self.reader.plays(event, 0):
            return
        key = self.reader.key(event)
        if key is None:
            return
        mark = [self.reader.mark(event, 0, event.at)]
        self.herald.send(
            context,
            account.id,
            key,
            State.FIRING,
            "match",
            event.at,
            episode=mark,
            evidence=mark,
            cause=mark[0],
        )

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """A signal never fires by the clock."""
        raise AssertionError("signals schedule nothing")

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None:
        """It has no cases."""

    def sweep(self, account: Account, context: Context) -> None:
        """It has no cases."""

    def close(self, account: Account, name: str, case: Case, context: Context) -> None:
        """It has no cases."""


def compile_signal(
    form: SignalRule, calendars: Mapping[str, Calendar], set_digest: str
) -> CompiledSignal:
    """A signal has no time to count."""
    return CompiledSignal(form, set_digest)
