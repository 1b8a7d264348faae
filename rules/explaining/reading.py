"""How a rule read an event: the roles that it might play, each term of their conditions, the
values that were seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

from models.event import Event
from rules.condition import Condition, ConditionError, compile_condition
from rules.grammar import RuleForm
from rules.paths import compile_path, is_key
from rules.roles import Role, roles
from rules.terms import terms


@dataclass(frozen=True)
class Term:
    """A part of a condition. reason: as conditions name it. seen: by path, what it read."""

    text: str
    reason: str
    seen: dict[str, Any]

    @property
    def holds(self) -> bool:
        return self.reason == "matched"

    def __str__(self) -> str:
        values = ", ".join(f"{path} is {shown(value)}" for path, value in self.seen.items())
        return f"{self.text} ({values})" if values else self.text


@dataclass(frozen=True)
class Played:
    """A role that the event's type has in the rule, and whether it plays it."""

    role: str
    matched: bool
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Note:
    """What an event did. blocks: it is a reason why the rule did not fire."""

    text: str
    blocks: bool = False


def read(form: RuleForm, event: Event) -> tuple[Played, ...]:
    """The roles of the event's type, in the order of the rule."""
    found = [role for role in roles(form) if role.trigger.type == event.type]
    return tuple(_play(role, event) for role in found)


def missing_path(form: RuleForm, event: Event) -> str | None:
    """The path that tells cases apart and at which the event has no key: it is not read then."""
    for path in (*form.key, *getattr(form, "join", ())):
        if not is_key(compile_path(path)(event)):
            return str(path)
    return None


def shown(value: Any) -> str:
    """A value as people and CEL write it; None is not there."""
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def when(ms: int, zone: tzinfo | None) -> str:
    """An instant, in the zone of the account's events.

    >>> from datetime import UTC
    >>> when(1772442000000, UTC)
    '2026-03-02 09:00:00+00:00'
    """
    return datetime.fromtimestamp(ms // 1000, zone).isoformat(" ")


def _play(role: Role, event: Event) -> Played:
    where = role.trigger.where
    if where is None:
        return Played(role.name, True, ())
    matched = _compile(where)
    assert matched is not None, "a rule that loads has conditions that compile"
    found = []
    for text in terms(where):
        term = _compile(text)
        if term is not None:
            seen = {path: _value(event, path) for path in sorted(term.paths)}
            found.append(Term(text, term.verdict(event).reason.value, seen))
    return Played(role.name, matched(event), tuple(found))


@lru_cache(maxsize=1024)
def _compile(text: str) -> Condition | None:
    """None: a part that is no condition by itself."""
    try:
        return compile_condition(text)
    except ConditionError:
        return None


def _value(event: Event, path: str) -> Any:
    if path == "data":
        return event.data
    if path.startswith("data."):
        return compile_path(path)(event)
    name = {"account": "subject", "actor": "actorkind", "actor.kind": "actorkind"}.get(path, path)
    return getattr(event, name, None)
