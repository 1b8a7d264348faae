"""The oracle's `composite`: an instance is told what its members say, and looks at its hits."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.laws.oracle_reading import Rule
from tests.laws.oracle_standing import Say, ended
from tests.laws.oracle_time import wall_ms


class Hit(NamedTuple):
    """at: ms. alert: what names it. proof: the id of its event. state: firing, or retracted."""

    at: int
    rule: str
    alert: Any
    proof: str
    key: str
    state: str


class Composite:
    """An instance. looked: ms. proof: the event of the last hit that it fired on."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.within = wall_ms(rule["within"])
        self.hits: dict[Any, Hit] = {}
        self.standing: list[str] = []
        self.looked = 0
        self.proof = ""

    def hear(self, hits: Sequence[Hit], clock: int) -> list[Say]:
        """What members said in one go, and then what the clock has already reached."""
        now = max(self.looked, *(hit.at for hit in hits))
        says = self.until(now)
        before = list(self.hits)
        for hit in hits:
            self.hits.pop(hit.alert, None)
            if hit.state == "firing":
                self.hits[hit.alert] = hit
        gone = any(hit.alert in before for hit in hits if hit.state == "retracted")
        says += self.look(now, gone)
        return says + self.until(clock)

    def until(self, clock: int) -> list[Say]:
        says: list[Say] = []
        while (due := self.due()) is not None and due <= clock:
            says += self.look(due)
        return says

    def due(self) -> int | None:
        """When the clock has to look, if it has to."""
        return min(hit.at for hit in self.hits.values()) + self.within if self.standing else None

    def look(self, now: int, retracted: bool = False) -> list[Say]:
        self.looked = now
        self.hits = {name: hit for name, hit in self.hits.items() if now < hit.at + self.within}
        if self.holds() and not self.standing:
            proofs = [hit.proof for hit in self.hits.values()]
            self.standing, self.proof = list(dict.fromkeys(proofs)), proofs[-1]
            return [Say("firing", "match", now, tuple(self.standing))]
        if self.standing and not self.holds():
            name, self.standing = tuple(self.standing), []
            if retracted:
                return [Say("retracted", "retract", now, name)]
            return ended(self.rule, now, name)
        return []

    def holds(self) -> bool:
        there = {hit.rule for hit in self.hits.values()}
        when = self.rule["when"]
        if "at_least" in when:
            return len(there) >= int(when["at_least"])
        weights = [m.get("weight", 1.0) for m in self.rule["of"] if m["rule"] in there]
        sign, limit = when["score"].split()
        return bool({">=": operator.ge, ">": operator.gt}[sign](math.fsum(weights), float(limit)))


def depth(id: str, rules: Mapping[str, Rule]) -> int:
    """How many composites stand one on the other."""
    return 1 + max((depth(part, rules) for part in parts(rules[id])), default=-1)


def parts(rule: Rule) -> list[str]:
    return [member["rule"] for member in rule["of"]] if rule["kind"] == "composite" else []


def narrowed(key: str, rule: Rule) -> str:
    """The key of a member's alert, less what the composite does not tell apart."""
    values = json.loads(key)
    own = {path: values.get(path) for path in rule.get("key", [])}
    return json.dumps(own, separators=(",", ":"))
