"""The machine under `sla` and `absence`: keeps an instance's marks and reads episodes off them.

docs/semantics.md, "Episodes". A mark that comes in order is laid on the last reading (`tip`); one
that comes late makes the instance be read again from its base. Both give the same.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.account import Account
from models.alert import State
from models.case import UNTOLD, Case, Episode, EpisodeCase, Mark
from models.event import Event
from models.identity import canonical
from rules.context import Context
from rules.grammar import AbsenceRule, SlaRule, Trigger
from rules.herald import Herald
from rules.kinds.reader import Reader
from rules.kinds.steps import Steps
from rules.kinds.telling import Teller
from rules.kinds.timeline import START, Measure, Timeline, newest

NO_KEY: dict[str, Any] = {}
FOLD_AT = 16  # marks; fewer wait until all of them are settled
_at = attrgetter("at")


@dataclass(frozen=True)
class Plan:
    """What a kind makes of its form. triggers, names: by Role."""

    triggers: tuple[Trigger | None, ...]
    names: tuple[str, ...]
    measure: Measure
    steps: Steps


class EpisodeRule:
    """A compiled `sla` or `absence` rule."""

    def __init__(self, form: SlaRule | AbsenceRule, plan: Plan, set_digest: str) -> None:
        self.form = form
        self.id = form.id
        self.measure = plan.measure
        self.timeline = Timeline(plan.measure)
        self.reader = Reader(form, plan.names, plan.triggers)
        self.types = frozenset(self.reader.by_type)
        self.accept = form.late.accept_ms
        self.feeds = frozenset((name, feed.max_stale.amount) for name, feed in form.feeds.items())
        self.zoned = plan.measure.goal is None and plan.measure.zone is None
        herald = Herald(form, form.kind, plan.names, self.reader.types, set_digest)
        quiet = form.alert.resolve_on == "never"
        self.teller = Teller(herald, plan.measure, plan.steps, self.feeds, quiet)

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """Something happened; the context's clock is as it was before the event."""
        reader = self.reader
        roles = reader.plain.get(event.type) or reader.matches(event)
        if not roles:
            return
        key, name = NO_KEY, ""
        if reader.keyed:
            found = reader.key(event)
            if found is None:
                return
            key, name = found, canonical(found)
        cases = account.cases.get(self.id)
        case = cases.get(name) if cases else None
        if case is None:
            case = self._begin(account, name, key, context)
        assert type(case) is EpisodeCase, "a rule that changes its kind loses its cases"
        horizon = context.clock - self.accept
        marks = case.marks
        if marks and marks[-1].at <= horizon:
            self._rest(case, context)
        # another version may have settled the base, or too many marks
        at = max(event.at, horizon, newest(case.base) if case.base else 0)
        zone = self._zone(account, event) if self.zoned else None
        fresh = [reader.mark(event, role, at, zone) for role in roles]
        if marks and marks[-1].at > at:
            self._insert(account, name, case, fresh, context)
        else:
            tip = self._tip(case, context)
            marks += fresh
            if tip or roles[-1] == START:
                tip = self._lay(tip, fresh, context)
                self._decide(account, name, case, tip, context, fresh[-1])
        if len(marks) >= FOLD_AT:
            self._fold(case, context)

    def _insert(
        self,
        account: Account,
        name: str,
        case: EpisodeCase,
        late: list[Mark],
        context: Context,
    ) -> None:
        """Marks that come late: what follows them is read again."""
        place = bisect_right(case.marks, late[0].at, key=_at)
        case.marks[place:place] = late
        tip = self._read(case, context)
        if case.published:
            self.teller.vanish(account, case, tip, context, late[-1])
        self._decide(account, name, case, tip, context, late[-1], is_late=True)

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """Time passed: the clock has reached the case's `due`, or a feed came back."""
        assert isinstance(case, EpisodeCase)
        self._decide(account, name, case, self._tip(case, context), context, None)

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None:
        """The rule set changed around this rule; a calendar of it may have."""
        assert isinstance(case, EpisodeCase)
        case.base = [self.measure.renew(episode) for episode in case.base]
        case.tip = _live(case, self._read(case, context))
        self.expire(account, name, case, context)

    def sweep(self, account: Account, context: Context) -> None:
        """Forget what can no longer matter."""
        cases = account.cases[self.id]
        horizon = context.clock - self.accept
        for name, case in list(cases.items()):
            assert isinstance(case, EpisodeCase)
            if not case.marks or case.marks[-1].at <= horizon:
                self._rest(case, context)
            if not case.base and not case.marks:
                del cases[name]

    def close(self, account: Account, name: str, case: Case, context: Context) -> None:
        """The rule is gone or changed: what still stands open expires."""
        assert isinstance(case, EpisodeCase)
        for episode in self._tip(case, context):
            said = case.published.get(episode.start.offset)
            if said and said.steps and not said.closed:
                self.teller.send(
                    context, account, case, episode, State.EXPIRED, "rule_changed", context.clock
                )

    def _begin(
        self, account: Account, name: str, key: dict[str, Any], context: Context
    ) -> EpisodeCase:
        case = EpisodeCase(key)
        case.tip = []
        cases = account.cases.setdefault(self.id, {})
        cases[name] = case
        if len(cases) > context.limits.instances:
            del cases[next(iter(cases))]
            context.stats["evicted:instance"] += 1
        return case

    def _tip(self, case: EpisodeCase, context: Context) -> list[Episode]:
        """The live episodes after all marks; read anew when the state comes from its bytes."""
        try:
            return case.tip
        except AttributeError:
            case.tip = _live(case, self._read(case, context))
            return case.tip

    def _read(self, case: EpisodeCase, context: Context) -> list[Episode]:
        return self._lay(case.base, case.marks, context)

    def _lay(self, episodes: list[Episode], marks: list[Mark], context: Context) -> list[Episode]:
        """The episodes after these marks, in a list of its own."""
        laid = episodes[:]
        evicted = self.timeline.lay(laid, marks, context.limits.episodes)
        if evicted:
            context.stats["evicted:episode"] += evicted
        return laid

    def _decide(
        self,
        account: Account,
        name: str,
        case: EpisodeCase,
        episodes: list[Episode],
        context: Context,
        cause: Mark | None,
        *,
        is_late: bool = False,
    ) -> None:
        """Tell what is new: of all episodes, or in order only of those that the mark changed."""
        case.held = 0
        due = 0
        tell = self.teller.tell
        for episode in episodes:
            if cause is None or is_late or episode.coming == UNTOLD:
                episode.coming = tell(account, case, episode, context, cause)
            coming = episode.coming
            if coming > 0 and (not due or coming < due):
                due = coming
            if episode.due is None and cause and episode.start.offset == cause.offset:
                context.stats[f"fault:{self.id}:calendar_year_missing"] += 1
        case.tip = _live(case, episodes)
        if due and due != case.due:
            context.schedule(due, account.id, self.id, name)
        case.due = due

    def _rest(self, case: EpisodeCase, context: Context) -> None:
        """No later mark can precede any of these: the last reading is the base, marks are spent."""
        tip = case.base = self._tip(case, context)
        case.marks.clear()
        if case.published:
            live = {episode.start.offset for episode in tip}
            case.published = {at: said for at, said in case.published.items() if at in live}

    def _fold(self, case: EpisodeCase, context: Context) -> None:
        """Marks that no later one can precede become part of the base; settled episodes go."""
        marks = case.marks
        place = bisect_right(marks, context.clock - self.accept, key=_at)
        spare = len(marks) - context.limits.marks
        if spare > place:
            context.stats["evicted:mark"] += spare - place
            place = spare
        if place:
            case.base = self._lay(case.base, marks[:place], context)
            del marks[:place]
        kept = []
        for episode in case.base:
            if episode.end is not None and _settled(case, episode):
                case.published.pop(episode.start.offset, None)
            else:
                kept.append(episode)
        case.base = kept

    def _zone(self, account: Account, event: Event) -> str:
        """The account's zone as the log tells it; else the offset that the event carries."""
        if account.zone is not None and _is_zone(account.zone):
            return account.zone
        offset = event.time.utcoffset()
        assert offset is not None, "ingest refuses a time without an offset"
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _live(case: EpisodeCase, episodes: list[Episode]) -> list[Episode]:
    """Those of which something may still be said while marks come in order."""
    for episode in episodes:
        if episode.end is not None:
            return [e for e in episodes if e.end is None or not _settled(case, e)]
    return episodes


def _settled(case: EpisodeCase, episode: Episode) -> bool:
    """Whether all is said about an ended episode (not while a feed or the clock holds it)."""
    said = case.published.get(episode.start.offset)
    if said is not None:
        return said.closed
    assert episode.end is not None
    return episode.due is None or episode.due > episode.end.at


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
