"""What of a rule's alerts is announced: `cooldown`, `group` and `repeat` of its `alert`.

Behind the kinds and the composites, which see all; in front of the topics. docs/semantics.md,
"Suppression". One per rule that has any of the three, under an id of its own beside the rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from models.account import Account
from models.alert import Alert, State
from models.calendar import Calendar, UncoveredYear
from models.case import Case, Repeat, SuppressionCase
from models.errors import Fault
from models.event import Event, to_ms
from models.identity import canonical, digest
from rules.context import Context, Output
from rules.grammar import RuleForm
from rules.positions import Document

KINDS_WITHOUT_END = ("signal", "sequence")
OPENING = (State.PENDING, State.FIRING)
HITS = ("match", "due")


class Suppression:
    """Of one rule. cases: by the values of `group`, or of the whole key."""

    types: frozenset[str] = frozenset()
    feeds: frozenset[tuple[str, int]] = frozenset()

    def __init__(self, form: RuleForm, calendars: Mapping[str, Calendar]) -> None:
        alert = form.alert
        self.form = form
        self.id = f"{form.id}:alert"
        self.cooldown = alert.cooldown.amount if alert.cooldown else 0
        self.group = alert.group
        self.repeat = alert.repeat
        self.calendar = calendars[alert.calendar] if alert.calendar else None
        kind = getattr(form, "kind", "")
        self.ends = kind not in KINDS_WITHOUT_END

    def admits(self, account: Account, output: Output, context: Context) -> bool:
        """Whether the alert's state is announced; what it begins or ends is remembered."""
        alert = output.alert
        # an old version that finishes may have another key
        key = {path: alert.key.get(path) for path in self.group} if self.group else alert.key
        name = canonical(key) if key else ""
        case = account.cases.get(self.id, {}).get(name)
        assert case is None or isinstance(case, SuppressionCase)
        if alert.state in OPENING:
            if case is None:
                case = self._begin(account, name, context)
            return self._opens(account, name, case, output, context)
        return case is None or self._ends(account, name, case, alert, context)

    def _opens(
        self, account: Account, name: str, case: SuppressionCase, output: Output, context: Context
    ) -> bool:
        alert = output.alert
        if alert.fingerprint in case.quiet:
            return self._drop(context, "silent")
        if alert.fingerprint not in case.told:
            at = to_ms(alert.occurred_at)
            reason = self._reason(case, at)
            if reason:
                if self.ends:
                    self._note(case.quiet, alert.fingerprint, context)
                return self._drop(context, reason)
            case.last, case.since = alert.fingerprint, at
            if self.ends:
                self._note(case.told, alert.fingerprint, context)
        if self.repeat and alert.state is State.FIRING and alert.step in HITS:
            case.repeats = [r for r in case.repeats if r.alert.fingerprint != alert.fingerprint]
            self._await(case, Repeat(output.topic, alert, 0, to_ms(alert.occurred_at)), context)
            self._schedule(account, name, case, context)
        return True

    def _reason(self, case: SuppressionCase, at: int) -> str:
        if self.group and self.ends and case.told:
            return "group"
        is_soon = self.cooldown > 0 and at < case.since + self.cooldown
        return "cooldown" if case.last and is_soon else ""

    def _ends(
        self, account: Account, name: str, case: SuppressionCase, alert: Alert, context: Context
    ) -> bool:
        """The end of an alert that was not announced is not announced."""
        fingerprint = alert.fingerprint
        if fingerprint in case.quiet:
            case.quiet.remove(fingerprint)
            return self._drop(context, "silent")
        if fingerprint in case.told:
            case.told.remove(fingerprint)
        case.repeats = [r for r in case.repeats if r.alert.fingerprint != fingerprint]
        self._schedule(account, name, case, context)  # another repetition may be the next one now
        if alert.state is State.RETRACTED and case.last == fingerprint:
            case.last = ""
        return True

    def _drop(self, context: Context, reason: str) -> bool:
        context.stats[f"suppressed:{self.form.id}:{reason}"] += 1
        return False

    def _note(self, fingerprints: list[str], fingerprint: str, context: Context) -> None:
        fingerprints.append(fingerprint)
        if len(fingerprints) > context.limits.hits:
            del fingerprints[0]
            context.stats["evicted:suppression"] += 1

    def _begin(self, account: Account, name: str, context: Context) -> SuppressionCase:
        cases = account.cases.setdefault(self.id, {})
        case = cases[name] = SuppressionCase()
        if len(cases) > context.limits.instances:
            del cases[next(iter(cases))]
            context.stats["evicted:instance"] += 1
        return case

    def _await(self, case: SuppressionCase, repeat: Repeat, context: Context) -> None:
        """Its next instant that the clock has not reached; none beyond the calendar."""
        while repeat.due <= context.clock or not repeat.count:
            at = self._next(repeat.due)
            if at is None:
                context.stats[f"fault:{self.form.id}:calendar_year_missing"] += 1
                return
            repeat.due = at
            repeat.count += 1
        case.repeats.append(repeat)
        if len(case.repeats) > context.limits.episodes:
            del case.repeats[0]
            context.stats["evicted:repeat"] += 1

    def _next(self, at: int) -> int | None:
        assert self.repeat is not None
        if self.calendar is None:
            return at + self.repeat.amount
        start, amount = at // 1000, self.repeat.amount
        try:
            if self.repeat.unit == "bd":
                until = self.calendar.add_days(start, amount)
                amount = max(1, self.calendar.between(start, until))
            return self.calendar.advance(start, amount) * 1000
        except UncoveredYear:
            return None

    def _schedule(
        self, account: Account, name: str, case: SuppressionCase, context: Context
    ) -> None:
        case.due = min((repeat.due for repeat in case.repeats), default=0)
        if case.due:
            context.schedule(case.due, account.id, self.id, name)

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """It reads no events."""
        raise AssertionError("suppression hears alerts")

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """An alert that stands is said again; of instants that passed at once only the last."""
        assert isinstance(case, SuppressionCase)
        waiting = [repeat for repeat in case.repeats if repeat.due <= context.clock]
        case.repeats = [repeat for repeat in case.repeats if repeat.due > context.clock]
        for repeat in sorted(waiting, key=lambda repeat: repeat.due):
            count, at = repeat.count, repeat.due
            while (later := self._next(at)) is not None and later <= context.clock:
                count, at = count + 1, later
            self._say(repeat.topic, repeat.alert, f"repeat:{count}", at, context)
            again = Repeat(repeat.topic, repeat.alert, count, at)
            self._await(case, again, context)
        self._schedule(account, name, case, context)

    def _say(self, topic: str, alert: Alert, step: str, at: int, context: Context) -> None:
        again = replace(
            alert,
            alert_id=digest(alert.fingerprint, alert.state, step, at, "clock"),
            step=step,
            occurred_at=datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at),
        )
        context.out.append(Output(topic, again))

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None:
        """What another calendar says counts from the next repetition on."""

    def sweep(self, account: Account, context: Context) -> None:
        """Forget cooldowns that are over."""
        cases = account.cases[self.id]
        for name, case in list(cases.items()):
            assert isinstance(case, SuppressionCase)
            is_over = not case.last or case.since + self.cooldown <= context.clock
            if is_over and not (case.told or case.quiet or case.repeats):
                del cases[name]

    def close(self, account: Account, name: str, case: Case, context: Context) -> None:
        """The rule is gone or changed: what it held back is forgotten with it."""


def suppression_faults(form: RuleForm, document: Document) -> Iterator[Fault]:
    """Of what a kind cannot do, and of what would do nothing."""
    alert = form.alert
    endless = getattr(form, "kind", "") in KINDS_WITHOUT_END
    for name in ("cooldown", "repeat"):
        span = getattr(alert, name)
        if span and (span.amount == 0 or (span.unit == "wall" and span.amount < 1_000)):
            yield document.fault(("alert", name), "a second or more is wanted here")
    if alert.repeat and (endless or alert.resolve_on == "never"):
        message = "this alert has no end that is told, so it would be repeated for ever"
        yield document.fault(("alert", "repeat"), message)
    if alert.group and endless and not alert.cooldown:
        message = "this kind of alert does not stand: a group of them needs `cooldown`"
        yield document.fault(("alert", "group"), message)
    for i, path in enumerate(alert.group):
        if path not in (*form.key, *getattr(form, "join", ())):
            message = f"{path} is not in the rule's `key`, so it tells no groups apart"
            yield document.fault(("alert", "group", i), message)


def has_suppression(form: RuleForm) -> bool:
    """Whether the rule says anything about it."""
    alert = form.alert
    return bool(alert.cooldown or alert.repeat or alert.group)
