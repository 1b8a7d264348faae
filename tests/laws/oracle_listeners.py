"""What listens to the oracle's rules: composites, momentum, and the gates before what is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.laws.oracle_composite import Composite, Hit, depth, narrowed, parts
from tests.laws.oracle_momentum import Momentum, Scored
from tests.laws.oracle_reading import Rule
from tests.laws.oracle_standing import Say
from tests.laws.oracle_suppression import Gate, has_gate, scope
from tests.laws.oracle_time import Hours


class Told(NamedTuple):
    """What was published. record: its number in the log. at, due: ms.

    name: the ids of the events that name the instance: start, or first and last of a match.
    digest: of the rule set that the rule speaks from.
    """

    record: int
    rule: str
    account: str
    key: str
    state: str
    step: str
    at: int
    due: int | None
    owner: str | None
    name: tuple[str, ...]
    digest: str


class Instance(NamedTuple):
    account: str
    rule: str
    key: str


class Listeners:
    """decided: what rules say, announced or not. told: what is announced. clock: ms.

    rules: by id; one that finishes under another set by `ID@DIGEST`. digests: of their sets.
    """

    def __init__(
        self, rules: Sequence[Rule], calendars: Mapping[str, Hours], step: float, digest: str
    ) -> None:
        self.rules = {rule["id"]: rule for rule in sorted(rules, key=lambda rule: rule["id"])}
        self.digests = dict.fromkeys(self.rules, digest)
        self.calendars = calendars
        self.step = step
        self.number = 0
        self.clock = 0
        self.composites: dict[Instance, Composite] = {}
        self.gates: dict[Instance, Gate] = {}
        self.momenta: dict[Instance, Momentum] = {}
        self.decided: list[Told] = []
        self.scored: list[Scored] = []
        self.told: list[Told] = []

    def add(self, instance: Instance, says: Iterable[Say]) -> None:
        for say in says:
            self.decide(instance, say, None, self.rules[instance.rule].get("owner"))

    def decide(self, instance: Instance, say: Say, due: int | None, owner: str | None) -> None:
        account, rule, key = instance
        state, step, at, name = say
        digest = self.digests[rule]
        self.decided.append(
            Told(self.number, rule, account, key, state, step, at, due, owner, name, digest)
        )

    def announce(self, before: int) -> None:
        """What was decided since goes through the gates."""
        for told in self.decided[before:]:
            id = told.rule.partition("@")[0]
            rule = self.rules.get(id)  # the version that is active
            if rule is not None and has_gate(rule):
                instance = Instance(told.account, f"{id}:alert", scope(rule, told.key))
                gate = self.gates.setdefault(instance, Gate(rule, self.calendars))
                if not gate.lets(told, self.clock):
                    continue
            self.told.append(told)

    def others(self) -> list[tuple[Instance, Composite | Gate | Momentum]]:
        return [*self.composites.items(), *self.gates.items(), *self.momenta.items()]

    def conclude(self, before: int, event: str | None = None) -> None:
        """What was told since is heard by composites. event: the id of the one that moved it."""
        made = [id for id, rule in self.rules.items() if rule["kind"] == "composite"]
        for id in sorted(made, key=lambda id: (depth(id, self.rules), id)):
            heard: dict[Instance, list[Hit]] = {}
            for told in self.decided[before:]:
                if told.rule in parts(self.rules[id]) and is_hit(told):
                    key = narrowed(told.key, self.rules[id])
                    hits = heard.setdefault(Instance(told.account, id, key), [])
                    hits.append(self.hit(told, event))
            for instance, hits in heard.items():
                composite = self.composites.setdefault(instance, Composite(self.rules[id]))
                self.add(instance, composite.hear(hits, self.clock))
        weighed = [t for t in self.decided[before:] if is_hit(t) and is_weighed(self.rules[t.rule])]
        if weighed:
            instance = Instance(weighed[0].account, ":momentum", "")
            momentum = self.momenta.setdefault(instance, Momentum(self.rules, self.step))
            hits = [self.hit(told, event) for told in weighed]
            self.score(instance, momentum.hear(hits, self.clock))

    def score(self, instance: Instance, said: tuple[int, dict[str, float]] | None) -> None:
        if said is not None:
            at, figures = said
            stages = {name: value for name, value in figures.items() if name}
            self.scored.append(Scored(self.number, instance.account, at, figures[""], stages))

    def hit(self, told: Told, event: str | None) -> Hit:
        kind = self.rules[told.rule]["kind"]
        proof = told.name[0] if kind in ("sla", "absence") else event
        if kind == "composite":
            proof = self.composites[Instance(told.account, told.rule, told.key)].proof
        assert proof is not None, "no other kind fires by the clock"
        return Hit(
            told.at, told.rule, (told.rule, told.key, told.name), proof, told.key, told.state
        )


def is_hit(told: Told) -> bool:
    """Whether others that listen count it, or count it no more."""
    return told.state == "retracted" or (told.state == "firing" and told.step in ("due", "match"))


def is_weighed(rule: Rule) -> bool:
    return "weight" in rule and rule.get("status", "active") == "active"
