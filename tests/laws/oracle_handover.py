"""The oracle's handover: what a rule set that takes over makes of the cases of the one before.

Written from docs/semantics.md, "When a rule set takes over". A version of a rule reads the log
from the record after the one that activated it. What it takes over from the version before is all
that a reading from scratch cannot know: episodes and runs that were settled, and what was told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.laws.oracle_alerts import Memory, Said, owed
from tests.laws.oracle_change import change_says
from tests.laws.oracle_episodes import (
    ROLES,
    Episode,
    Mark,
    begin,
    marks_of,
    read_episodes,
)
from tests.laws.oracle_listeners import Instance, Listeners
from tests.laws.oracle_reading import Applied, Rule, key_of
from tests.laws.oracle_sequence import Run, read_runs
from tests.laws.oracle_standing import Say, mismatch_says, score_says, signal_says
from tests.laws.oracle_time import Hours, parse_duration

UNDECIDED = ("tests", "on_change")
DEFAULTS = {"restart": "on_new_start", "contiguity": "relaxed", "skip": "past_last"}
READINGS: dict[str, Callable[[Rule, Sequence[Applied], int], list[Say]]] = {
    "change": change_says,
    "mismatch": mismatch_says,
    "score": score_says,
    "signal": signal_says,
}
GOES_ON = ("sla", "absence", "sequence")


@dataclass(frozen=True)
class Settled:
    """What an instance took over. until: ms; a later event counts as coming after it."""

    episodes: list[Episode] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    until: int = 0


class Handover(Listeners):
    """since, closes: by rule, its reading begins, or it begins nothing, after this record."""

    def __init__(
        self, rules: Sequence[Rule], calendars: Mapping[str, Hours], step: float, digest: str
    ) -> None:
        super().__init__(rules, calendars, step, digest)
        self.log: list[Applied] = []
        self.since: dict[str, int] = {}
        self.closes: dict[str, int] = {}
        self.taken_over: dict[Instance, Settled] = {}
        self.memories: dict[Instance, Memory] = {}
        self.said: dict[Instance, int] = {}  # how much of its reading was told

    def activate(self, rules: Sequence[Rule], digest: str) -> None:
        """Another rule set, account by account; then what the migrated say otherwise."""
        before, new = len(self.decided), {rule["id"]: rule for rule in rules}
        active = [name for name in self.rules if "@" not in name]
        changed = [name for name in active if not is_same(self.rules[name], new.get(name))]
        ways = {name: way(self.rules[name], new.get(name)) for name in changed}
        for instance in sorted(self.instances()):
            if ways.get(instance.rule) == "expire":
                self.end(instance)
        self.announce(before)
        for instance in [i for i in self.gates if i.rule.removesuffix(":alert") in changed]:
            del self.gates[instance]
        migrated = [i for i in sorted(self.instances()) if ways.get(i.rule) == "migrate"]
        anew = {instance: self.settle(instance, new[instance.rule]) for instance in migrated}
        for name in changed:
            self.retire(name, ways[name])
        for name in new.keys() - active:
            self.since[name] = self.number
        finishing = {name: rule for name, rule in self.rules.items() if "@" in name}
        self.rules = dict(sorted((new | finishing).items()))
        self.digests |= dict.fromkeys(new, digest)
        for instance, (settled, memory) in anew.items():
            self.taken_over[instance], self.memories[instance] = settled, memory
        self.look_at_migrated([i for i in anew if self.rules[i.rule]["kind"] != "sequence"])

    def retire(self, name: str, how: str) -> None:
        """Forget what the old version knew, or keep it under a name of its own."""
        old, kept = self.rules.pop(name), f"{name}@{self.digests[name]}"
        if how == "finish":
            self.rules[kept], self.digests[kept] = old, self.digests[name]
            self.since[kept], self.closes[kept] = self.since.get(name, -1), self.number
        every: list[dict[Instance, Any]] = [self.taken_over, self.memories, self.said]
        for known in every:
            for instance in [one for one in known if one.rule == name]:
                what = known.pop(instance)
                if how == "finish":
                    known[instance._replace(rule=kept)] = what
        self.since[name] = self.number

    def end(self, instance: Instance) -> None:
        """`expire`: what was said of open episodes, and what stands, is over."""
        rule, memory = self.rules[instance.rule], self.memories.get(instance, {})
        owner, over = rule.get("owner"), Say("expired", "rule_changed", self.clock, ())
        if rule["kind"] in ("change", "mismatch", "score"):
            told = self.reading({**rule, "alert": {}}, instance, self.clock)
            if told and told[-1].state == "firing":
                self.decide(instance, over._replace(name=told[-1].name), None, owner)
        for episode in self.episodes(instance) if rule["kind"] in ("sla", "absence") else []:
            said = memory.get(episode.start.position)
            if said is not None and said.steps and not said.closed:
                say = over._replace(name=(episode.start.event.id,))
                self.decide(instance, say, episode.due, owner)

    def settle(self, instance: Instance, new: Rule) -> tuple[Settled, Memory]:
        """`migrate`: what stays of the instance, and what was said of it in the new one's words."""
        old = self.rules[instance.rule]
        if old["kind"] == "sequence":
            return Settled(runs=self.runs(instance)[0]), {}
        episodes, known = [], Memory()
        for episode in self.episodes(instance):
            place = episode.start.position
            said = self.memories.get(instance, {}).get(place, Said(episode.start))
            if said.closed or (episode.end is not None and not any(owed(old, episode, said))):
                continue
            measured = begin(new, episode.start, self.calendars)
            end, ended_by = episode.end, episode.ended_by
            episodes.append(replace(measured, end=end, ended_by=ended_by, spans=episode.spans))
            names = {step_names(old)[step] for step in said.steps}
            steps = {step for step, name in enumerate(step_names(new)) if name in names}
            known[place] = Said(episode.start, steps)
        return Settled(episodes=episodes, until=max(map(last_instant, episodes), default=0)), known

    def look_at_migrated(self, instances: Sequence[Instance]) -> None:
        raise NotImplementedError

    def settled(self, instance: Instance) -> Settled:
        return self.taken_over.get(instance, Settled())

    def instances(self) -> set[Instance]:
        """Every account, rule that keeps cases and key that the log names."""
        named = {
            Instance(event.account, name, key)
            for event in self.log
            for name, rule in self.rules.items()
            if rule["kind"] != "composite" and (key := key_of(rule, event)) is not None
        }
        return named | self.taken_over.keys()

    def events(self, instance: Instance) -> list[Applied]:
        """What the rule reads of the account: the log since it was activated."""
        since = self.since.get(instance.rule, -1)
        return [e for e in self.log if e.account == instance.account and e.position > since]

    def reading(self, rule: Rule, instance: Instance, clock: int) -> list[Say]:
        """All that the instance has said by the clock. rule: its own, or one that says more."""
        events = [e for e in self.events(instance) if key_of(rule, e) == instance.key]
        return READINGS[rule["kind"]](rule, events, clock)

    def marks(self, instance: Instance) -> list[Mark]:
        rule, closes = self.rules[instance.rule], self.closes.get(instance.rule, math.inf)
        marks = marks_of(rule, instance.account, instance.key, self.events(instance))
        until = self.settled(instance).until
        read = [mark for mark in marks if ROLES[mark.role] != "start" or mark.position < closes]
        late = [mark._replace(eff=max(mark.eff, until)) for mark in read]
        return sorted(late, key=lambda mark: mark[:3])

    def episodes(self, instance: Instance) -> list[Episode]:
        settled = self.settled(instance).episodes
        rule = self.rules[instance.rule]
        return read_episodes(rule, self.marks(instance), self.calendars, settled)

    def runs(self, instance: Instance) -> tuple[list[Run], list[Run]]:
        """Those that go on, and those that the account's last event completed."""
        closes = self.closes.get(instance.rule, math.inf)
        rule, events = self.rules[instance.rule], self.events(instance)
        return read_runs(rule, instance.key, events, self.settled(instance).runs, closes)


def is_same(old: Rule, new: Rule | None) -> bool:
    """Equal but for what decides nothing."""
    if new is None:
        return False
    names = (old.keys() | new.keys()) - {*UNDECIDED}
    one, other = DEFAULTS | dict(old), DEFAULTS | dict(new)
    return all(one.get(name) == other.get(name) for name in names)


def way(old: Rule, new: Rule | None) -> str:
    """What becomes of the old version's cases; where that cannot be done, they expire."""
    asked: str = (new or old).get("on_change", "expire")
    if asked == "finish":
        chain = old.get("measure") == "since_last"
        return "finish" if old["kind"] in GOES_ON and not chain else "expire"
    if asked == "migrate" and new is not None and may_migrate(old, new):
        return "migrate"
    return "expire"


def may_migrate(old: Rule, new: Rule) -> bool:
    """The same kind, key and number of steps; an account's zone must have been kept."""
    zoned = [rule.get("deadline", {}).get("tz") == "account" for rule in (old, new)]
    return (
        old["kind"] == new["kind"]
        and old.get("key") == new.get("key")
        and len(old.get("steps", [])) == len(new.get("steps", []))
        and (zoned[0] or not zoned[1])
    )


def last_instant(episode: Episode) -> int:
    """The last at which it is known that it ran, stopped running, or ended; ms."""
    began, until = episode.spans[-1]
    return max(began, until or began, episode.end.eff if episode.end else began)


def step_names(rule: Rule) -> list[str]:
    """The names of a rule's steps, in their order."""
    after = [(parse_duration(form["after"])[0], form["to"]) for form in rule.get("escalate", [])]
    later = sorted((step for step in after if step[0]), key=lambda step: step[0])
    warnings = [f"warn:{fraction!r}" for fraction in rule.get("warn_at", [])]
    return [*warnings, "due", *(f"escalate:{to}" for _, to in later)]
