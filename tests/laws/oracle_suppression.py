"""The oracle's suppression: a gate before what is told, one for each rule, account and group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.laws.oracle_reading import Rule
from tests.laws.oracle_time import Hours, YearMissing, parse_duration, reached, wall_ms


class Stands(NamedTuple):
    """A firing alert that is said again. told: as it was first. count, at: of the next time."""

    told: Any
    count: int
    at: int


class Gate:
    """What was announced through it and has not ended, and what was held back and has not."""

    def __init__(self, rule: Rule, calendars: Mapping[str, Hours]) -> None:
        self.alert: Mapping[str, Any] = rule.get("alert", {})
        self.endless = rule["kind"] in ("signal", "sequence")
        self.hours = calendars[self.alert["calendar"]] if "calendar" in self.alert else None
        self.announced: list[Any] = []
        self.held: list[Any] = []
        self.began: tuple[Any, int] | None = None
        self.stands: dict[Any, Stands] = {}

    def lets(self, told: Any, clock: int) -> bool:
        """Whether this state of an alert is announced."""
        name = (told.key, told.name)
        opens = told.state in ("pending", "firing")
        if name in self.held:
            if not opens:
                self.held.remove(name)
            return False
        if not opens:
            self.end(name, told.state)
            return True
        if name not in self.announced:
            if self.is_held(told.at):
                self.held += [] if self.endless else [name]
                return False
            self.began = (name, told.at)
            self.announced += [] if self.endless else [name]
        if told.state == "firing" and told.step in ("due", "match") and "repeat" in self.alert:
            self.stand(name, Stands(told, 0, told.at), clock)
        return True

    def is_held(self, at: int) -> bool:
        if self.alert.get("group") and not self.endless and self.announced:
            return True
        if "cooldown" not in self.alert or self.began is None:
            return False
        return at < self.began[1] + wall_ms(self.alert["cooldown"])

    def end(self, name: Any, state: str) -> None:
        self.announced = [other for other in self.announced if other != name]
        self.stands.pop(name, None)
        if state == "retracted" and self.began is not None and self.began[0] == name:
            self.began = None

    def stand(self, name: Any, stands: Stands, clock: int) -> None:
        """Wait for the next instant after the clock."""
        self.stands.pop(name, None)
        count, at = stands.count, self.after(stands.at)
        while at is not None:
            count += 1
            if at > clock:
                self.stands[name] = Stands(stands.told, count, at)
                return
            at = self.after(at)

    def after(self, at: int) -> int | None:
        amount, unit = parse_duration(self.alert["repeat"])
        try:
            if unit == "bd":
                assert self.hours is not None
                amount = self.hours.days_goal(at // 1_000, amount)
            return reached([(at, None)], amount, self.hours)
        except YearMissing:
            return None

    def due(self) -> int | None:
        return min((stands.at for stands in self.stands.values()), default=None)

    def repeats(self, clock: int) -> list[Any]:
        """What is said again: of the instants that passed at once the last."""
        waiting = [(name, one) for name, one in self.stands.items() if one.at <= clock]
        again = []
        for name, (told, count, at) in sorted(waiting, key=lambda one: one[1].at):
            while (later := self.after(at)) is not None and later <= clock:
                count, at = count + 1, later
            again.append(told._replace(step=f"repeat:{count}", at=at))
            self.stand(name, Stands(told, count, at), clock)
        return again


def scope(rule: Rule, key: str) -> str:
    """The values of `group` in a key, or the whole key."""
    group = rule.get("alert", {}).get("group")
    if not group:
        return key
    values = json.loads(key)
    return json.dumps({path: values.get(path) for path in group}, separators=(",", ":"))


def has_gate(rule: Rule) -> bool:
    return bool({"cooldown", "repeat", "group"} & rule.get("alert", {}).keys())
