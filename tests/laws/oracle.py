"""The brute-force oracle: docs/semantics.md a second time, slow, in the plainest way.

Off the data path: it is what the engine is compared with, and shares no code with it. It keeps
the whole log; after every record it reads from scratch what each rule says of each account, and
tells what is new. Only what has been told is remembered, because the text says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.laws.oracle_alerts import Said, owed, tell_news
from tests.laws.oracle_episodes import eff_of, roles_of
from tests.laws.oracle_handover import READINGS, Handover
from tests.laws.oracle_listeners import Instance, Told
from tests.laws.oracle_momentum import Scored
from tests.laws.oracle_reading import Applied, Rule, key_of, zone_of
from tests.laws.oracle_sequence import reads
from tests.laws.oracle_standing import Say
from tests.laws.oracle_time import hours_of, wall_ms

# {"event": {...}}, {"tick": ms}, {"feed": name, "max_stale_ms": ms, "stale": bool},
# or {"rules": forms, "digest": name}
Record = Mapping[str, Any]


def tell(
    records: Iterable[Record],
    rules: Sequence[Rule],
    calendars: Sequence[Mapping[str, Any]] = (),
    *,
    lateness_ms: int = 0,
    remembered_ids: int = 1_000,
    scores: list[Scored] | None = None,
    digest: str = "",
) -> list[Told]:
    """Everything that the rules say about the log, in order.

    rules, calendars: as `yaml.safe_load` gives them. remembered_ids: how many of an account's last
    events are known again when they are repeated. scores: takes what was scored on the way.
    digest: of the rules.
    """
    oracle = Oracle(rules, calendars, lateness_ms, remembered_ids, digest=digest)
    for number, record in enumerate(records):
        oracle.take(number, record)
    if scores is not None:
        scores += oracle.scored
    return [told._replace(rule=told.rule.partition("@")[0]) for told in oracle.told]


class Oracle(Handover):
    """A partition's log up to here, and what has been told of it."""

    def __init__(
        self,
        rules: Sequence[Rule],
        calendars: Sequence[Mapping[str, Any]],
        lateness_ms: int,
        remembered_ids: int,
        step: float = 0.1,
        digest: str = "",
    ) -> None:
        hours = {form["id"]: hours_of(json.dumps(form)) for form in calendars}
        super().__init__(rules, hours, step, digest)
        self.lateness_ms = lateness_ms
        self.remembered_ids = remembered_ids
        self.raw: dict[str, list[Record]] = {}  # by account, the events applied
        self.stale: set[tuple[str, int]] = set()

    def take(self, number: int, record: Record) -> None:
        """The next record of the log."""
        self.number = number
        if "event" in record:
            self.apply(record["event"])
        elif "tick" in record:
            self.move(record["tick"])
        elif "rules" in record:
            self.activate(record["rules"], record["digest"])
        else:
            self.feed((record["feed"], record["max_stale_ms"]), record["stale"])

    def apply(self, event: Record) -> None:
        """Phase 1: the event, at the clock as it stands. Phase 2: the clock."""
        earlier = self.raw.setdefault(event["account"], [])
        known = [
            (old["source"], old["id"])
            for old in earlier[max(0, len(earlier) - self.remembered_ids) :]
        ]
        if (event["source"], event["id"]) in known:
            return
        applied = Applied(
            position=self.number,
            source=event["source"],
            id=event["id"],
            type=event["type"],
            account=event["account"],
            time=event["time_ms"],
            data=event.get("data", {}),
            actorkind=event.get("actorkind"),
            before=self.clock,
            index=len(earlier),
            zone=zone_of(event, earlier),
        )
        earlier.append(event)
        self.log.append(applied)
        before = len(self.decided)
        for name, rule in self.rules.items():
            if rule["kind"] == "sequence":
                self.tell_matches(name, applied)
            elif rule["kind"] in READINGS:
                if (key := key_of(rule, applied)) is not None:
                    self.tell_reading(Instance(applied.account, name, key))
            elif rule["kind"] == "composite":
                continue
            elif roles_of(rule, applied) and (key := key_of(rule, applied)) is not None:
                instance = Instance(applied.account, name, key)
                self.tell_news(instance, max(eff_of(rule, applied), self.settled(instance).until))
        self.conclude(before, applied.id)
        self.announce(before)
        self.move(applied.time - self.lateness_ms)

    def move(self, clock: int) -> None:
        """The clock goes on to `clock`, and what falls due on the way is decided, one by one."""
        if clock <= self.clock:
            return
        since, self.clock = self.clock + 1, clock
        done: set[tuple[int, Instance]] = set()
        while waiting := [one for one in self.waiting(since, clock) if one not in done]:
            done.add(waiting[0])
            self.look(*waiting[0])

    def feed(self, feed: tuple[str, int], stale: bool) -> None:
        """A feed went stale or came back."""
        (self.stale.add if stale else self.stale.discard)(feed)
        for at, instance in self.waiting(0, self.clock):
            self.look(at, instance)

    def look_at_migrated(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            before = len(self.decided)
            self.tell_news(instance, self.clock)
            self.conclude(before)
            self.announce(before)

    def look(self, at: int, instance: Instance) -> None:
        """Time has brought the instance to `at`."""
        before = len(self.decided)
        if instance in self.momenta:
            self.score(instance, self.momenta[instance].look(at))
            return
        if instance in self.gates:
            repeats = self.gates[instance].repeats(self.clock)
            self.told += [told._replace(record=self.number) for told in repeats]
            return
        kind = self.rules[instance.rule]["kind"]
        if kind == "composite":
            self.add(instance, self.composites[instance].look(at))
            self.announce(before)
            return
        if kind in READINGS:
            self.tell_reading(instance)
        else:
            self.tell_news(instance)
        self.conclude(before)
        self.announce(before)

    def waiting(self, since: int, until: int) -> list[tuple[int, Instance]]:
        """The instances that owe something first reached in [since, until], in order."""
        due = []
        for instance in self.instances():
            if self.rules[instance.rule]["kind"] == "sequence":
                continue  # speaks at events only
            instants = [at for at in self.owed(instance, until) if since <= at <= until]
            if instants:
                due.append((min(instants), instance))
        for instance, waits in self.others():
            at = waits.due()
            if at is not None and since <= at <= until:
                due.append((at, instance))
        return sorted(due)

    def tell_news(self, instance: Instance, cause: int | None = None) -> None:
        """What is new of an instance. cause: the instant (ms) of what changed the reading."""
        rule = self.rules[instance.rule]
        news = tell_news(
            rule,
            self.episodes(instance),
            self.memories.setdefault(instance, {}),
            clock=self.clock,
            held=self.is_held(rule),
            cause=cause,
        )
        for one in news:
            say = Say(one.state, one.step, one.at, (one.start.event.id,))
            self.decide(instance, say, one.due, one.owner)

    def tell_matches(self, name: str, event: Applied) -> None:
        rule = self.rules[name]
        key = key_of(rule, event)
        if key is not None and reads(rule, event):
            instance = Instance(event.account, name, key)
            _, found = self.runs(instance)
            says = [Say("firing", "match", event.time, (run[0].id, event.id)) for run in found]
            self.add(instance, says)

    def tell_reading(self, instance: Instance) -> None:
        """What the instance says beyond what was told of it."""
        says = self.unsaid(instance, self.clock)
        self.said[instance] = self.said.get(instance, 0) + len(says)
        self.add(instance, says)

    def unsaid(self, instance: Instance, clock: int) -> list[Say]:
        """What of its reading by this clock was not told."""
        rule = self.rules[instance.rule]
        return self.reading(rule, instance, clock)[self.said.get(instance, 0) :]

    def owed(self, instance: Instance, until: int) -> list[int]:
        """The instants at which the instance has something to say that it has not said."""
        rule, memory = self.rules[instance.rule], self.memories.get(instance, {})
        if rule["kind"] in READINGS:
            return [say.at for say in self.unsaid(instance, until)]
        return [
            at
            for episode in self.episodes(instance)
            for at, _, _ in owed(
                rule, episode, memory.get(episode.start.position, Said(episode.start))
            )
        ]

    def is_held(self, rule: Rule) -> bool:
        """Whether a feed of the rule is stale."""
        feeds = rule.get("feeds", {}).items()
        return any((name, wall_ms(feed["max_stale"])) in self.stale for name, feed in feeds)
