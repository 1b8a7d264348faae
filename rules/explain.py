"""Why a rule fired for an account or did not: every event that it read, and what came of it.

Beside the data path. The engine runs over the account's log as it does live, and is looked at after
each record; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from models.account import Account
from models.alert import Alert
from models.case import Case
from models.event import Event
from rules.context import Context, Output
from rules.explaining.kinds import EXPLAINERS, Plain
from rules.explaining.moments import (
    Entry,
    Explanation,
    FeedTurn,
    Forgotten,
    Moment,
    Passed,
    Standing,
    Told,
)
from rules.explaining.reading import Note, missing_path, read
from rules.partition import Partition
from rules.roles import roles
from rules.ruleset import RuleSet

OBSTACLES = 3  # the latest ones are told, of many
SUPPRESSED = {
    "cooldown": "the cooldown after the one before is not over",
    "group": "another one of its group stands",
    "silent": "what it belongs to was not announced",
}


def explain(
    rules: RuleSet, rule_id: str, account: str, entries: Iterable[Entry], lateness_ms: int
) -> Explanation:
    """Run the entries, which are in log order, and say what the rule made of them.

    Events are the account's own. lateness_ms: how far the clock runs behind the newest event.
    Raises KeyError for a rule that does not run.
    """
    tracer = _Tracer(rules, rule_id, account, lateness_ms)
    for entry in entries:
        tracer.apply(entry)
    return tracer.explanation()


def standing_of(
    rules: RuleSet, rule_id: str, account: Account | None, context: Context
) -> tuple[Standing, ...]:
    """The open cases of an account, from its state alone; in UTC."""
    if account is None:
        return ()
    rule = rules.rules[rule_id]
    explainer = EXPLAINERS.get(_kind(rule.form), Plain)(rule)
    found = list(explainer.standing(account.cases.get(rule_id, {}), context, UTC))
    for id, cases in account.cases.items():
        if id.startswith(f"{rule_id}@"):
            text = f"finishes under an older version, of rule set {id.rpartition('@')[2]}"
            found += [(key, text, getattr(case, "due", 0) or None) for key, case in cases.items()]
    return tuple(
        Standing(key, text, None if due is None else _time(due)) for key, text, due in found
    )


class _Tracer:
    def __init__(self, rules: RuleSet, rule_id: str, account: str, lateness_ms: int) -> None:
        self.rule = rules.rules[rule_id]
        self.form = self.rule.form
        self.account = account
        self.explainer = EXPLAINERS.get(_kind(self.form), Plain)(self.rule)
        self.partition = Partition(rules, topic="explained", partition=0, lateness_ms=lateness_ms)
        self.members = frozenset(member.rule for member in getattr(self.form, "of", ())
                                 if hasattr(member, "rule"))  # fmt: skip
        self.moments: list[Moment] = []
        self.zone: tzinfo | None = UTC

    def apply(self, entry: Entry) -> None:
        self.partition.stats.clear()  # so that what is counted is of this entry
        match entry:
            case Event():
                self._event(entry)
            case Passed(clock_ms=clock_ms):
                self._moved("time passed", self.partition.tick(clock_ms))
            case FeedTurn(feed=feed, max_stale_ms=max_stale_ms, stale=stale):
                told = self.partition.feed(feed, max_stale_ms, stale, False)
                what = f"feed {feed} {'went stale' if stale else 'is back'}"
                is_ours = (feed, max_stale_ms) in self.rule.feeds
                self._moved(what, told, is_ours=is_ours)
            case Forgotten():
                self.partition.erase(self.account)
                self._moved("the account was erased", [], is_ours=True)

    def _event(self, event: Event) -> None:
        clock, stats = self.partition.clock, self.partition.stats
        before = deepcopy(self._cases())
        outputs = self.partition.advance(event)
        self.zone = event.time.tzinfo
        played = read(self.form, event)
        told = self._told(outputs)
        notes = [*self._heard(outputs), *self._counted(is_read=bool(played))]
        if not played and not told and not notes:
            return
        if stats["repeated"]:
            notes.append(Note("a repeat: an event with this source and id was there before", True))
        elif played and (path := missing_path(self.form, event)):
            notes.append(Note(f"not read: it carries no {path}", True))
        elif played:
            account = self.partition.accounts[event.subject]
            notes += self.explainer.notes(before, account, event, clock)
        what, id = event.type, event.id
        self.moments.append(Moment(event.time, what, id, event.offset, played, tuple(notes), told))

    def _moved(self, what: str, outputs: Sequence[Output], *, is_ours: bool = False) -> None:
        told, notes = self._told(outputs), (*self._heard(outputs), *self._counted(is_read=False))
        if told or notes or is_ours:
            at = _time(self.partition.clock, self.zone)
            self.moments.append(Moment(at, what, "", -1, (), notes, told))

    def _heard(self, outputs: Sequence[Output]) -> Iterator[Note]:
        """What the rules that a composite is made of have said of the account."""
        for alert in (output.alert for output in outputs):
            if alert.rule.id in self.members and alert.account == self.account:
                yield Note(f"{alert.rule.id} says {alert.state.value} ({alert.step})")

    def _counted(self, *, is_read: bool) -> Iterator[Note]:
        """What the engine counts by name: a bound that was hit, a year that no calendar has, an
        alert that is not announced.
        """
        for name in sorted(self.partition.stats):
            what, _, rest = name.partition(":")
            rule, _, reason = rest.rpartition(":")
            if what == "suppressed" and rule == self.form.id:
                yield Note(f"an alert is not announced: {SUPPRESSED.get(reason, reason)}", True)
            elif (what == "evicted" and is_read) or (what == "fault" and rule == self.form.id):
                yield Note(f"the engine counted {name}", True)

    def _told(self, outputs: Sequence[Output]) -> tuple[Told, ...]:
        ours = [o.alert for o in outputs if o.alert.rule.id == self.form.id]
        return tuple(self._tell(a) for a in ours if a.account == self.account)

    def _tell(self, alert: Alert) -> Told:
        due = None if alert.due_at is None else alert.due_at.astimezone(self.zone)
        at = alert.occurred_at.astimezone(self.zone)
        return Told(alert.state.value, alert.step, at, due, alert.why)

    def _cases(self) -> Mapping[str, Case]:
        account = self.partition.accounts.get(self.account)
        return account.cases.get(self.form.id, {}) if account else {}

    def explanation(self) -> Explanation:
        found = tuple(
            Standing(key, text, None if due is None else _time(due, self.zone))
            for key, text, due in self.explainer.standing(
                self._cases(), self.partition.context, self.zone
            )
        )
        explanation = Explanation(
            self.form.id,
            self.form.version,
            self.account,
            _time(self.partition.clock, self.zone),
            tuple(self.moments),
            found,
            (),
        )
        if explanation.fired:
            return explanation
        return replace(explanation, why_not=(*self._why_not(), *(s.text for s in found)))

    def _why_not(self) -> tuple[str, ...]:
        if self.members:
            heard = {alert.text.partition(" ")[0] for m in self.moments for alert in m.notes}
            silent = ", ".join(sorted(self.members - heard))
            return (f"these have said nothing: {silent}",) if silent else ()
        seen = [moment for moment in self.moments if moment.roles]
        if not seen:
            types = ", ".join(dict.fromkeys(role.trigger.type for role in roles(self.form)))
            return (f"no event came that it reads: {types}",)
        reasons = []
        for moment in seen:
            who = f"{moment.what} at {moment.at.isoformat(' ', 'seconds')}"
            reasons += [f"{who}: {text}" for text in _obstacles(moment)]
        return tuple(reasons[-OBSTACLES:])


def _obstacles(moment: Moment) -> Iterator[str]:
    """Conditions that did not hold, then what kept the event from moving the rule."""
    for played in moment.roles:
        if not played.matched:
            failed = ", ".join(str(term) for term in played.terms if not term.holds)
            yield f"it is not the {played.role} event: {failed} does not hold"
    for note in moment.notes:
        if note.blocks:
            yield note.text


def _kind(form: object) -> str:
    return str(getattr(form, "kind", ""))


def _time(ms: int, zone: tzinfo | None = UTC) -> datetime:
    return datetime.fromtimestamp(ms / 1000, zone)
