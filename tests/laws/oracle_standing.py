"""The kinds that speak at once: the oracle reads an instance's events from the first, every time.

A reading is all that the instance has ever said by a clock; what of it is new, `oracle.py` knows.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.laws.oracle_reading import Applied, Rule, look_up, satisfies
from tests.laws.oracle_time import wall_ms

_APART = re.compile(r'right\.at - left\.at > duration\("(\d+h)"\)')
_RELATION = re.compile(r"(left|right) (==|!=|<=|>=|<|>) (left|right)(?: \* ([\d.]+))?")
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


class Say(NamedTuple):
    """at: ms. name: the ids of the events that name the alert."""

    state: str
    step: str
    at: int
    name: tuple[str, ...]


def signal_says(rule: Rule, events: Sequence[Applied], clock: int) -> list[Say]:
    """Each event that matches."""
    return [
        Say("firing", "match", event.time, (event.id,))
        for event in events
        if satisfies(rule["on"], event)
    ]


def mismatch_says(rule: Rule, events: Sequence[Applied], clock: int) -> list[Say]:
    """The newest fact of each side, and whether the two have begun or ceased to disagree."""
    says: list[Say] = []
    newest: dict[str, Applied] = {}
    standing: tuple[str, ...] = ()
    for event in events:
        sides = [side for side in ("left", "right") if is_fact(rule[side], event)]
        sides = [s for s in sides if s not in newest or newest[s].time <= event.time]
        newest |= dict.fromkeys(sides, event)
        if not sides or len(newest) < 2:
            continue
        left, right = newest["left"], newest["right"]
        if disagree(rule, left, right) and not standing:
            standing = (left.id, right.id)
            says.append(Say("firing", "match", event.time, standing))
        elif standing and not disagree(rule, left, right):
            says += ended(rule, event.time, standing)
            standing = ()
    return says


def score_says(rule: Rule, events: Sequence[Applied], clock: int) -> list[Say]:
    """The newest score: what it is, and how far it has fallen."""
    says: list[Say] = []
    known: list[Applied] = []
    standing: tuple[str, ...] = ()
    for event in events:
        value = event.data.get("value")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if event.type != "score.published" or event.data.get("task") != rule["task"]:
            continue
        if not is_number or (known and event.time < known[-1].time):
            continue
        known.append(event)
        is_so = all(_met(text, name, known) for name, text in rule["when"].items())
        if is_so and not standing:
            standing = (event.id,)
            says.append(Say("firing", "match", event.time, standing))
        elif standing and not is_so:
            says += ended(rule, event.time, standing)
            standing = ()
    return says


def _met(text: str, name: str, known: Sequence[Applied]) -> bool:
    now, value = known[-1].time, known[-1].data["value"]
    threshold, _, within = text.partition(" within ")
    if name == "drop":
        span = wall_ms(within)
        grain = span // 32
        recent = [e.data["value"] for e in known if now - e.time // grain * grain < span]
        value = max(recent) - value
    sign, limit = threshold.split()
    return bool(_OPERATORS[sign](value, float(limit)))


def is_fact(side: Rule, event: Applied) -> bool:
    return satisfies(side, event) and look_up(side["value"], event) is not None


def disagree(rule: Rule, left: Applied, right: Applied) -> bool:
    """`when`; what cannot be compared or multiplied is an error, so they do not."""
    if apart := _APART.fullmatch(rule["when"]):
        return right.time - left.time > wall_ms(apart[1])
    found = _RELATION.fullmatch(rule["when"])
    assert found, f"the oracle does not read {rule['when']!r}"
    values = {
        "left": look_up(rule["left"]["value"], left),
        "right": look_up(rule["right"]["value"], right),
    }
    one, sign, other, factor = values[found[1]], found[2], values[found[3]], found[4]
    if factor is not None:
        if isinstance(other, str):
            return False
        other = float(other) * float(factor)
    if sign not in ("==", "!=") and isinstance(one, str) != isinstance(other, str):
        return False
    return bool(_OPERATORS[sign](one, other))


def ended(rule: Rule, at: int, name: tuple[str, ...]) -> list[Say]:
    """The alert's end, unless the rule keeps it to itself."""
    quiet = rule.get("alert", {}).get("resolve_on") == "never"
    return [] if quiet else [Say("resolved", "over", at, name)]
