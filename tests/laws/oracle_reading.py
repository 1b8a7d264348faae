"""How the oracle reads an event: what the log made of it, conditions, keys."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

Rule = Mapping[str, Any]  # as `yaml.safe_load` gives it

_TERM = re.compile(r"(data(?:\.\w+)+|actor\.kind) (==|!=|<=|>=|<|>) (.+)")
_OPERATORS: dict[str, Any] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Applied:
    """An event that the log applied to its account. time, before: ms.

    position: its place in the log. before: the partition's clock before it. index: the how manieth
    event of its account. zone: the account's, as the log tells it up to here.
    """

    position: int
    source: str
    id: str
    type: str
    account: str
    time: int
    data: Mapping[str, Any]
    actorkind: str | None
    before: int
    index: int
    zone: tzinfo


def zone_of(event: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> tzinfo:
    """The `accounttz` last seen, with this event or earlier; else this event's UTC offset."""
    for seen in (event, *reversed(earlier)):
        if seen.get("accounttz"):
            return ZoneInfo(seen["accounttz"])
    return timezone(timedelta(minutes=event.get("utc_offset_min", 0)))


def satisfies(trigger: Mapping[str, Any] | None, event: Applied) -> bool:
    """Whether the event is of the trigger's type and its condition holds."""
    if trigger is None or event.type != trigger["type"]:
        return False
    return all(_holds(term, event) for term in trigger.get("where", "").split(" && ") if term)


def _holds(term: str, event: Applied) -> bool:
    """One comparison; a missing field, or two types that do not compare, is no match."""
    found = _TERM.fullmatch(term)
    assert found, f"the oracle does not read the condition {term!r}"
    path, sign, constant = found[1], found[2], json.loads(found[3])
    value = event.actorkind if path == "actor.kind" else look_up(path, event)
    if _sort(value) != _sort(constant):
        return False
    return bool(_OPERATORS[sign](value, constant))


def _sort(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def look_up(path: str, event: Applied) -> Any:
    """The value at `data.a.b`, None where there is none."""
    value: Any = event.data
    for name in path.split(".")[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def key_of(rule: Rule, event: Applied) -> str | None:
    """The values that tell the instance apart, as JSON; None when one is missing."""
    paths = [*rule.get("key", []), *rule.get("join", [])]
    values = {path: look_up(path, event) for path in paths}
    if None in values.values():
        return None
    return json.dumps(values, separators=(",", ":"))
