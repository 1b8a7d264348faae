"""The machine under `sla` and `absence`: keeps an instance's marks, publishes what has changed.

docs/semantics.md, "From episodes to alerts". An event adds marks, or the clock comes round; either
way the episodes are read again and the difference to what was said is said.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.account import Account
from models.alert import State
from models.case import Case, Episode, EpisodeCase, Mark, Published
from models.event import Event
from models.identity import canonical
from rules.context import Context
from rules.grammar import AbsenceRule, SlaRule, Trigger
from rules.herald import Herald
from rules.kinds.reader import Reader
from rules.kinds.steps import Step, Steps
from rules.kinds.timeline import Measure, Reading, Role, copy, parse_zone


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
        self.steps = plan.steps
        self.reader = Reader(form, plan.names, plan.triggers)
        self.types = frozenset(self.reader.by_type)
        self.herald = Herald(form, form.kind, plan.names, self.reader.types, set_digest)
        self.accept = form.late.accept_ms
        self.feeds = frozenset((name, feed.max_stale.amount) for name, feed in form.feeds.items())
        self.quiet = form.alert.resolve_on == "never"
        self.zoned = plan.measure.goal is None and plan.measure.zone is None

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """Something happened; the context's clock is as it was before the event."""
        roles = self.reader.matches(event)
        key = self.reader.key(event) if roles else None
        if key is None:
            return
        name = canonical(key) if key else ""
        case = self._case(account, name, key, context)
        at = event.at
        if at < context.clock - self.accept:
            at = context.clock - self.accept
        zone = self._zone(account, event) if self.zoned else None
        marks = case.marks
        for role in roles:
            mark = self.reader.mark(event, role, at, zone)
            if not marks or marks[-1].at <= at:
                marks.append(mark)
            else:
                marks.insert(bisect_right(marks, at, key=_at), mark)
        if case.base or any(mark.role == Role.START for mark in marks):
            self._decide(account, name, case, context, mark)
        else:  # an answer to nothing, kept in case its question comes late
            self._fold(case, context)

    def _case(
        self, account: Account, name: str, key: dict[str, Any], context: Context
    ) -> EpisodeCase:
        cases = account.cases.get(self.id)
        if cases is None:
            cases = account.cases[self.id] = {}
        case = cases.get(name)
        if case is None:
            case = cases[name] = EpisodeCase(key)
            if len(cases) > context.limits.instances:
                del cases[next(iter(cases))]
                context.stats["evicted:instance"] += 1
        assert isinstance(case, EpisodeCase), "a rule that changes its kind loses its cases"
        return case

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """Time passed: the clock has reached the case's `due`, or a feed came back."""
        assert isinstance(case, EpisodeCase)
        self._decide(account, name, case, context, None)

    def sweep(self, account: Account, context: Context) -> None:
        """Forget what can no longer matter."""
        cases = account.cases[self.id]
        for name, case in list(cases.items()):
            assert isinstance(case, EpisodeCase)
            self._fold(case, context)
            if not case.base and not case.marks:
                del cases[name]

    def close(self, account: Account, name: str, case: Case, context: Context) -> None:
        """The rule is gone or changed: what still stands open expires."""
        assert isinstance(case, EpisodeCase)
        for episode in self._read(case, context):
            said = case.published.get(episode.start.offset)
            if said and said.steps and not said.closed:
                self._send(
                    context, account, case, episode, State.EXPIRED, "rule_changed", context.clock
                )

    def _read(self, case: EpisodeCase, context: Context) -> list[Episode]:
        reading = Reading(self.measure, context.limits.episodes, [copy(e) for e in case.base])
        reading.lay(case.marks)
        if reading.evicted:
            context.stats["evicted:episode"] += reading.evicted
        return reading.episodes

    def _decide(
        self, account: Account, name: str, case: EpisodeCase, context: Context, cause: Mark | None
    ) -> None:
        episodes = self._read(case, context)
        case.held = 0
        if cause is not None:
            self._vanish(account, case, episodes, context, cause)
        due = 0
        for episode in episodes:
            coming = self._publish(account, case, episode, context, cause)
            if coming and (not due or coming < due):
                due = coming
            if cause is not None and episode.due is None and episode.start.offset == cause.offset:
                context.stats[f"fault:{self.id}:calendar_year_missing"] += 1
        self._fold(case, context)
        if due and due != case.due:
            context.schedule(due, account.id, self.id, name)
        case.due = due

    def _publish(
        self,
        account: Account,
        case: EpisodeCase,
        episode: Episode,
        context: Context,
        cause: Mark | None,
    ) -> int:
        """Say what is new about an episode; returns its next instant (ms), 0 for none."""
        said = case.published.get(episode.start.offset) or Published()
        end = episode.end.at if episode.end else None
        limit = context.clock if end is None else min(context.clock, end)
        if said.fired and (episode.due is None or episode.due > limit):
            assert cause is not None, "only an event disproves"
            self._send(context, account, case, episode, State.RETRACTED, "retract", cause.at, cause)
            said.fired = False
            said.closed = end is not None
            said.steps = [
                step.index
                for step in self.steps.of(episode.goal)
                if step.state == State.PENDING and self._is_reached(episode, step, limit)
            ]
        coming = 0
        if not said.closed:
            coming = self._step(account, case, episode, said, context)
            if episode.end is not None and said.steps:
                said.closed = True
                if not self.quiet:
                    self._close(account, case, episode, episode.end, context)
        if said.steps or said.closed:
            case.published[episode.start.offset] = said
        return coming

    def _is_reached(self, episode: Episode, step: Step, limit: int) -> bool:
        at = self.measure.reached(episode, step.amount)
        return at is not None and at <= limit

    def _step(
        self,
        account: Account,
        case: EpisodeCase,
        episode: Episode,
        said: Published,
        context: Context,
    ) -> int:
        held = not self.feeds.isdisjoint(context.stale)
        end = episode.end.at if episode.end else None
        for step in self.steps.of(episode.goal):
            is_due = step.name == "due"
            if step.index in said.steps or (end is not None and not is_due):
                continue
            at = episode.due if is_due else self.measure.reached(episode, step.amount)
            if at is None or (end is not None and at > end):
                return 0
            if at > context.clock:
                return at
            if held:
                case.held = min(case.held or at, at)
            else:
                said.steps.append(step.index)
                said.fired = said.fired or is_due
                self._send(
                    context, account, case, episode, step.state, step.name, at, owner=step.owner
                )
        return 0

    def _close(
        self, account: Account, case: EpisodeCase, episode: Episode, end: Mark, context: Context
    ) -> None:
        answered = end.role == Role.STOP and not episode.superseded
        state = State.RESOLVED if answered else State.EXPIRED
        step = "superseded" if episode.superseded else "stop" if answered else "cancel"
        self._send(context, account, case, episode, state, step, end.at, end)

    def _vanish(
        self,
        account: Account,
        case: EpisodeCase,
        episodes: list[Episode],
        context: Context,
        cause: Mark,
    ) -> None:
        """A late mark has changed the reading: a start of which something was said starts none."""
        if not case.published:
            return
        there = {episode.start.offset for episode in episodes}
        for mark in case.marks:
            said = case.published.get(mark.offset)
            if said is None or mark.offset in there:
                continue
            del case.published[mark.offset]
            if said.fired or not said.closed:
                state = State.RETRACTED if said.fired else State.EXPIRED
                gone = Episode(mark, [mark.at], 0, None)
                self._send(context, account, case, gone, state, "vanished", cause.at, cause)

    def _fold(self, case: EpisodeCase, context: Context) -> None:
        """Marks that no later one can precede become part of the base; settled episodes go."""
        horizon = context.clock - self.accept
        marks = case.marks
        place = 0
        if marks and marks[0].at <= horizon:
            place = bisect_right(marks, horizon, key=_at)
        if len(marks) - place > context.limits.marks:
            spare = len(marks) - context.limits.marks
            context.stats["evicted:mark"] += spare - place
            place = spare
        if place:
            if case.base or any(mark.role == Role.START for mark in marks[:place]):
                reading = Reading(self.measure, context.limits.episodes, case.base)
                case.base = reading.lay(marks[:place]).episodes
            del marks[:place]
        if case.base:
            case.base = [e for e in case.base if not self._is_settled(case, e)]

    def _is_settled(self, case: EpisodeCase, episode: Episode) -> bool:
        if episode.end is None:
            return False
        said = case.published.get(episode.start.offset)
        if said is None or not said.closed:
            breached = episode.due is not None and episode.due <= episode.end.at
            if said is not None or breached:
                return False  # held by a feed, or the clock has yet to come
        case.published.pop(episode.start.offset, None)
        return True

    def _send(
        self,
        context: Context,
        account: Account,
        case: EpisodeCase,
        episode: Episode,
        state: State,
        step: str,
        at: int,
        cause: Mark | None = None,
        owner: str | None = None,
    ) -> None:
        self.herald.send(
            context,
            account.id,
            case.key,
            state,
            step,
            at,
            episode=[episode.start],
            evidence=[cause] if cause else [],
            cause=cause,
            due=episode.due,
            owner=owner,
            zone=self._display_zone(episode.start),
        )

    def _display_zone(self, start: Mark) -> tzinfo:
        if self.measure.calendar is not None:
            return self.measure.calendar.tz
        return self.measure.zone or parse_zone(start.zone)

    def _zone(self, account: Account, event: Event) -> str:
        """The account's zone as the log tells it; else the offset that the event carries."""
        if account.zone is not None and _is_zone(account.zone):
            return account.zone
        offset = event.time.utcoffset()
        assert offset is not None, "ingest refuses a time without an offset"
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
