"""What an event did to the open cases of an `sla` or `absence`, and what they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from models.account import Account
from models.case import Case, Episode, EpisodeCase
from models.event import Event
from rules.context import Context
from rules.explaining.reading import Note, when
from rules.kinds.episodes import EpisodeRule
from rules.kinds.timeline import START, STOP
from rules.timespan import span

EPISODES_MAX = 1_000  # far above what a case holds: nothing gives way while we look
Readings = dict[str, dict[int, Episode]]


class Episodes:
    """Of one compiled rule."""

    def __init__(self, rule: EpisodeRule) -> None:
        self.rule = rule

    def notes(
        self, before: Mapping[str, Case], account: Account, event: Event, clock: int
    ) -> Iterator[Note]:
        """before: the cases as they were. clock: ms, before the event."""
        zone = event.time.tzinfo
        roles = self.rule.reader.matches(event)
        if event.at < clock - self.rule.accept:
            accepted = span(self.rule.accept)
            counts = when(clock - self.rule.accept, zone)
            late = f"it is {span(clock - event.at)} late, {accepted} are accepted"
            yield Note(f"{late}: it counts at {counts}")
        old, new = self._read(before), self._read(account.cases.get(self.rule.id, {}))
        said = False
        for name in {**old, **new}:
            was, now = old.get(name, {}), new.get(name, {})
            for start, episode in now.items():
                for note in self._changed(was.get(start), episode, zone):
                    said = True
                    yield note
            for start in was.keys() - now.keys():
                if was[start].end is None:
                    said = True
                    yield Note(f"the case of {when(was[start].start.time, zone)} is over", True)
        if roles and not said:
            open = any(e.end is None for es in new.values() for e in es.values())
            yield Note(self._nothing(roles, open), not open or START not in roles)

    def _nothing(self, roles: list[int], open: bool) -> str:
        if START in roles:
            return "a case is open already, so nothing begins (restart: ignore)"
        if open and self.rule.measure.on_day:
            return "it comes before the day that counts (measure: on_day)"
        return "it changes nothing: no case waits for it"

    def _changed(self, was: Episode | None, now: Episode, zone: tzinfo | None) -> Iterator[Note]:
        if was is None:
            yield Note(f"a case begins, {self._due(now, zone)}")
        if now.end is not None and (was is None or was.end is None):
            yield _ended(now, zone)
        elif was is not None and len(now.segments) != len(was.segments):
            if len(now.segments) % 2 == 0:
                yield Note("the clock stops", True)
            else:
                yield Note(f"the clock goes on, {self._due(now, zone)}")

    def _due(self, episode: Episode, zone: tzinfo | None) -> str:
        if episode.due is not None:
            return f"due at {when(episode.due, zone)}"
        if len(episode.segments) % 2 == 0:
            return "due when the clock has gone on long enough"
        return "and it has no deadline: the calendar does not reach so far"

    def standing(
        self, cases: Mapping[str, Case], context: Context, zone: tzinfo | None
    ) -> Iterator[tuple[str, str, int | None]]:
        """(key, how it stands, when the clock looks at it next in ms) of each open case."""
        for name, episodes in self._read(cases).items():
            case = cases[name]
            assert isinstance(case, EpisodeCase)
            for episode in episodes.values():
                if episode.end is not None:
                    continue
                text = f"open since {when(episode.start.time, zone)}, {self._due(episode, zone)}"
                if len(episode.segments) % 2 == 0:
                    text += f"; the clock stands since {when(episode.segments[-1], zone)}"
                said = case.published.get(episode.start.offset)
                if said and said.fired:
                    text += "; it has fired, which is told once"
                elif case.held:
                    stale = ", ".join(sorted(name for name, _ in context.stale))
                    text += f"; it is held, since a feed is stale: {stale}"
                yield name, text, case.due or None

    def _read(self, cases: Mapping[str, Case]) -> Readings:
        """The episodes by case and by the offset of their start."""
        read: Readings = {}
        for name, case in cases.items():
            assert isinstance(case, EpisodeCase)
            episodes = case.base[:]
            self.rule.timeline.lay(episodes, case.marks, EPISODES_MAX)
            read[name] = {episode.start.offset: episode for episode in episodes}
        return read


def _ended(episode: Episode, zone: tzinfo | None) -> Note:
    end = episode.end
    assert end is not None
    case = f"the case of {when(episode.start.time, zone)}"
    if episode.superseded:
        what = f"a new beginning supersedes {case}"
    else:
        what = f"answers {case}" if end.role == STOP else f"cancels {case}"
    if episode.due is None:
        return Note(what, True)
    if episode.due <= end.at:
        return Note(f"{what}, {span(end.at - episode.due)} after it was due")
    return Note(f"{what}, {span(episode.due - end.at)} before it was due", True)
