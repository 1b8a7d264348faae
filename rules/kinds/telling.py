"""Publishes what is new about an episode: the difference between its reading and what was said.

docs/semantics.md, "From episodes to alerts". The numbers in comments are its steps.
"""

from __future__ import annotations

from datetime import tzinfo

from models.account import Account
from models.alert import State
from models.case import UNTOLD, Episode, EpisodeCase, Mark, Published
from rules.context import Context
from rules.herald import Herald
from rules.kinds.steps import Step, Steps
from rules.kinds.timeline import STOP, Measure, parse_zone


class Teller:
    """feeds: (name, max_stale ms) whose staleness holds the steps. quiet: ends are not told."""

    def __init__(
        self,
        herald: Herald,
        measure: Measure,
        steps: Steps,
        feeds: frozenset[tuple[str, int]],
        quiet: bool,
    ) -> None:
        self.herald = herald
        self.measure = measure
        self.steps = steps
        self.feeds = feeds
        self.quiet = quiet

    def tell(
        self,
        account: Account,
        case: EpisodeCase,
        episode: Episode,
        context: Context,
        cause: Mark | None,
    ) -> int:
        """cause: the mark that came, None for the clock or a new calendar. Returns its `coming`."""
        said = case.published.get(episode.start.offset)
        end = episode.end
        if said is None:
            if end is not None:
                if episode.due is None or episode.due > end.at:
                    return 0
            elif (at := self._first(episode)) is None or at > context.clock:
                return at or 0
            said = Published()
        limit = context.clock if end is None else min(context.clock, end.at)
        if said.fired and (episode.due is None or episode.due > limit):  # 1
            at = context.clock if cause is None else cause.at
            self.send(context, account, case, episode, State.RETRACTED, "retract", at, cause)
            said.fired = False
            said.closed = end is not None
            said.steps = self._warned(episode, limit)
        coming = 0
        if not said.closed:
            coming = self._step(account, case, episode, said, context, cause)  # 2
            owed = not said.fired and _breached(episode)
            if end is not None and said.steps and not owed:  # 3
                said.closed = True
                if not self.quiet:
                    self._close(account, case, episode, end, context)
        if said.steps or said.closed:
            case.published[episode.start.offset] = said
        return coming

    def _first(self, episode: Episode) -> int | None:
        """ms at which there is something to say of an episode that stays open, if ever."""
        for step in self.steps.of(episode.goal):
            return episode.due if step.is_due else self.measure.reached(episode, step.amount)
        return None

    def vanish(
        self,
        account: Account,
        case: EpisodeCase,
        episodes: list[Episode],
        context: Context,
        cause: Mark,
    ) -> None:
        """A late mark has changed the reading: a start of which something was said starts none."""
        there = {episode.start.offset for episode in episodes}
        for mark in case.marks:
            said = case.published.get(mark.offset)
            if said is None or mark.offset in there:
                continue
            del case.published[mark.offset]
            if said.fired or (said.steps and not said.closed):
                state = State.RETRACTED if said.fired else State.EXPIRED
                gone = Episode(mark, [mark.at], 0, None)
                self.send(context, account, case, gone, state, "vanished", cause.at, cause)

    def _warned(self, episode: Episode, limit: int) -> list[int]:
        warned = []
        for step in self.steps.of(episode.goal):
            at = self.measure.reached(episode, step.amount)
            if step.state == State.PENDING and at is not None and at <= limit:
                warned.append(step.number)
        return warned

    def _step(
        self,
        account: Account,
        case: EpisodeCase,
        episode: Episode,
        said: Published,
        context: Context,
        cause: Mark | None,
    ) -> int:
        end = episode.end
        held = False
        for step in self.steps.of(episode.goal):
            if step.number in said.steps or (end is not None and not step.is_due):
                continue
            at = episode.due if step.is_due else self.measure.reached(episode, step.amount)
            if at is None or (end is not None and at > end.at):
                break
            if at > context.clock:
                return UNTOLD if held else at
            if self.feeds and not self.feeds.isdisjoint(context.stale):
                case.held = min(case.held or at, at)
                held = True
                continue
            said.steps.append(step.number)
            said.fired = said.fired or step.is_due
            self.send(context, account, case, episode, step.state, step.name, at, cause, step=step)
        return UNTOLD if held else 0

    def _close(
        self, account: Account, case: EpisodeCase, episode: Episode, end: Mark, context: Context
    ) -> None:
        answered = end.role == STOP and not episode.superseded
        state = State.RESOLVED if answered else State.EXPIRED
        step = "superseded" if episode.superseded else "stop" if answered else "cancel"
        self.send(context, account, case, episode, state, step, end.at, end)

    def send(
        self,
        context: Context,
        account: Account,
        case: EpisodeCase,
        episode: Episode,
        state: State,
        name: str,
        at: int,
        cause: Mark | None = None,
        step: Step | None = None,
    ) -> None:
        """One state of the episode's alert. step: when it is one of the plan's.

        A step is proved by the start alone, the other states by the mark that caused them, too.
        """
        self.herald.send(
            context,
            account.id,
            case.key,
            state,
            name,
            at,
            episode=[episode.start],
            evidence=[episode.start, cause] if cause and not step else [episode.start],
            cause=cause,
            due=episode.due,
            owner=step.owner if step else None,
            zone=self._zone(episode.start),
        )

    def _zone(self, start: Mark) -> tzinfo:
        if self.measure.calendar is not None:
            return self.measure.calendar.tz
        return self.measure.zone or parse_zone(start.zone)


def _breached(episode: Episode) -> bool:
    end = episode.end
    return end is not None and episode.due is not None and episode.due <= end.at
