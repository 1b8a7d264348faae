"""The oracle's step from episodes to alerts: what is new, given what was told before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.laws.oracle_episodes import Episode, Mark, Step, steps_of
from tests.laws.oracle_reading import Rule


@dataclass
class Said:
    """What was published of an episode. steps: their places among the rule's steps."""

    start: Mark
    steps: set[int] = field(default_factory=set)
    closed: bool = False


class News(NamedTuple):
    """at, due: ms."""

    state: str
    step: str
    at: int
    due: int | None
    owner: str | None
    start: Mark


Memory = dict[int, Said]  # by the log position of the start event


def tell_news(
    rule: Rule,
    episodes: Sequence[Episode],
    memory: Memory,
    *,
    clock: int,
    held: bool,
    cause: int | None,
) -> Iterator[News]:
    """The difference between what is so and what was said; what it yields, the memory then knows.

    cause: the eff of the record's mark, None when only time has passed.
    """
    yield from vanished(rule, episodes, memory, cause)
    for episode in episodes:
        said = memory.setdefault(episode.start.position, Said(episode.start))
        yield from retracted(rule, episode, said, clock, cause)
        if not held:
            yield from taken(rule, episode, said, clock)
        yield from closed(rule, episode, said)


def vanished(
    rule: Rule, episodes: Sequence[Episode], memory: Memory, cause: int | None
) -> Iterator[News]:
    """Episodes that a late mark has taken away."""
    there = {episode.start.position for episode in episodes}
    for said in sorted(memory.values(), key=lambda said: said.start[:2]):
        if said.start.position in there:
            continue
        del memory[said.start.position]
        state = "retracted" if was_fired(said, rule) else "expired"
        if state == "retracted" or (said.steps and not said.closed):
            assert cause is not None, "only a mark takes an episode away"
            yield News(state, "vanished", cause, None, rule.get("owner"), said.start)


def retracted(
    rule: Rule, episode: Episode, said: Said, clock: int, cause: int | None
) -> Iterator[News]:
    """1. The due step was published and is not reached any more."""
    steps = steps_of(rule, episode)
    now = {place for place, step in enumerate(steps) if is_reached(episode, step, clock)}
    if not was_fired(said, rule) or due_place(rule) in now:
        return
    assert cause is not None, "only a mark disproves"
    said.steps = {place for place in now if steps[place].state == "pending"}
    said.closed = episode.end is not None
    yield News("retracted", "retract", cause, episode.due, rule.get("owner"), episode.start)


def taken(rule: Rule, episode: Episode, said: Said, clock: int) -> Iterator[News]:
    """2. The steps that are reached and were not published."""
    for at, place, step in owed(rule, episode, said):
        if at <= clock:
            said.steps.add(place)
            yield News(step.state, step.name, at, episode.due, step.owner, episode.start)


def closed(rule: Rule, episode: Episode, said: Said) -> Iterator[News]:
    """3. The episode has ended, something of it was published, its due step is not owed."""
    if episode.end is None or not said.steps or said.closed or any(owed(rule, episode, said)):
        return
    said.closed = True
    if rule.get("alert", {}).get("resolve_on") != "never":
        state = "resolved" if episode.ended_by == "stop" else "expired"
        at = episode.end.eff
        yield News(state, episode.ended_by, at, episode.due, rule.get("owner"), episode.start)


def owed(rule: Rule, episode: Episode, said: Said) -> Iterator[tuple[int, int, Step]]:
    """The steps that can still be published: (instant reached, place, step)."""
    if said.closed:
        return
    for place, step in enumerate(steps_of(rule, episode)):
        at = instant(episode, step)
        dropped = episode.end is not None and step.name != "due"
        if place not in said.steps and at is not None and not dropped:
            yield at, place, step


def instant(episode: Episode, step: Step) -> int | None:
    """When the step is reached; None when never, or only after the episode's end."""
    at = episode.reached(step.amount)
    if at is None or (episode.end is not None and at > episode.end.eff):
        return None
    return at


def is_reached(episode: Episode, step: Step, clock: int) -> bool:
    at = instant(episode, step)
    return at is not None and at <= clock


def due_place(rule: Rule) -> int:
    """Among the steps of a rule: warnings come before it."""
    return len(rule.get("warn_at", []))


def was_fired(said: Said, rule: Rule) -> bool:
    return due_place(rule) in said.steps
