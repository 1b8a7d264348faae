"""The oracle's `change`: every look from all events of the instance, by the definition."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from tests.laws.oracle_reading import Applied, Rule, look_up, satisfies
from tests.laws.oracle_standing import Say, ended
from tests.laws.oracle_time import wall_ms

_OF = re.compile(r'(\w+)\(([\w.]+)(?:, (data\.\w+))?(?:, "(\w+)")?\)')
Part = tuple[int, int, float, int]  # when it counts (ms), events, sum, size


def change_says(rule: Rule, events: Sequence[Applied], clock: int) -> list[Say]:
    """Looks at each event, and while something stands whenever an event passes an edge."""
    instance = Instance(rule)
    for event in events:
        instance.until(event.before)
        part = part_of(rule, event)
        if part is not None:
            instance.take(event, part)
            instance.until(event.before)
    instance.until(clock)
    return instance.says


class Instance:
    """What is known of it up to here. looked, since: ms."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.window = wall_ms(rule["window"])
        self.reach = self.window + wall_ms(rule["baseline"])
        self.says: list[Say] = []
        self.parts: list[Part] = []
        self.standing: tuple[str, ...] = ()
        self.looked = self.since = 0

    def take(self, event: Applied, part: Part) -> None:
        """An event, which may be the first of a past that begins anew."""
        is_over = max(event.time, event.before) - self.looked >= self.reach and not self.standing
        if not self.parts or is_over:
            self.parts, self.since, self.looked = [], part[0], event.time
        now = max(self.looked, event.time)
        if now - part[0] >= self.reach:
            return
        self.until(now)
        self.parts.append(part)
        self.since = min(self.since, part[0])
        self.look(now, event)

    def until(self, clock: int) -> None:
        """The looks by the clock."""
        grown = self.reach // self.window  # what is older than all windows moves nothing
        while self.standing:
            starts = [self.since, *(part[0] for part in self.parts)]
            edges = [at + n * self.window for at in starts for n in range(1, grown + 1)]
            coming = [edge for edge in edges if self.looked < edge <= clock]
            if not coming:
                return
            self.look(min(coming), None)

    def look(self, now: int, cause: Applied | None) -> None:
        self.looked = now
        is_so = holds(self.rule, self.parts, self.since, now)
        if is_so and cause and not self.standing:
            self.standing = (cause.id,)
            self.says.append(Say("firing", "match", now, self.standing))
        elif self.standing and not is_so:
            self.says += ended(self.rule, now, self.standing)
            self.standing = ()


def part_of(rule: Rule, event: Applied) -> Part | None:
    """What the event adds; None when the rule does not measure it."""
    kind, type, path, word = of(rule)
    if not satisfies({"type": type, "where": rule.get("where", "")}, event):
        return None
    grain = wall_ms(rule["window"]) // 32
    at = event.time // grain * grain
    if kind == "count":
        return at, 1, 0.0, 0
    value = look_up(path or "data.keywords", event)
    if kind == "density":
        return (at, 1, value.count(word), len(value)) if isinstance(value, list) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (at, 1, float(value), 1) if is_number else None


def holds(rule: Rule, parts: Sequence[Part], since: int, now: int) -> bool:
    window = wall_ms(rule["window"])
    count, present = figure(rule, parts, now - window, now)
    past = []
    for n in range(1, wall_ms(rule["baseline"]) // window + 1):
        end = now - n * window
        if since <= end - window:
            past.append(figure(rule, parts, end - window, end)[1])
    known = [value for value in past if value is not None]
    if present is None or not known or count < rule.get("min_count", 1):
        return False
    mean = math.fsum(known) / len(known)
    if "direction" in rule:
        return present * mean < 0
    when = rule["when"]
    if "ratio" in when and not meets(when["ratio"], ratio(present, mean)):
        return False
    return "z" not in when or meets(when["z"], z(present, known, mean))


def figure(rule: Rule, parts: Sequence[Part], start: int, end: int) -> tuple[int, float | None]:
    """(events, figure) of the events that count in (start, end]."""
    own = [part for part in parts if start < part[0] <= end]
    events, total, size = (sum(part[i] for part in own) for i in (1, 2, 3))
    if of(rule)[0] == "count":
        return int(events), float(events)
    return int(events), total / size if size else None


def ratio(present: float, mean: float) -> float | None:
    if mean == 0:
        return None if present == 0 else math.copysign(math.inf, present)
    return present / mean


def z(present: float, past: Sequence[float], mean: float) -> float | None:
    if len(past) < 2:
        return None
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in past) / (len(past) - 1))
    if spread == 0:
        return 0.0 if present == mean else math.copysign(math.inf, present - mean)
    return (present - mean) / spread


def meets(threshold: str, value: float | None) -> bool:
    sign, limit = threshold.split()
    if value is None:
        return False
    return {
        ">=": value >= float(limit),
        "<=": value <= float(limit),
        ">": value > float(limit),
        "<": value < float(limit),
    }[sign]


def of(rule: Rule) -> tuple[str, str, str | None, str | None]:
    """(kind, type, path, word)."""
    found = _OF.fullmatch(rule["of"])
    assert found, f"the oracle does not read {rule['of']!r}"
    return found[1], found[2], found[3], found[4]
