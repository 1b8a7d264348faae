"""What tells two rule sets apart, rule by rule and field by field, and what becomes of open cases.

Beside the data path: before a rule set is published somebody should know what it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rules.loader import RuleBook
from rules.ruleset import RUNNING

Cases = Literal["go on", "expire", "finish", "migrate", "begin", "none"]


class FieldChange(NamedTuple):
    """path: as people write it. old, new: None, it is not there."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Difference:
    """name: of the rule or calendar. cases: what becomes of the open ones when the new set is
    activated; of a calendar that changes they go on, measured anew.
    """

    what: Literal["rule", "calendar"]
    name: str
    change: Literal["added", "removed", "changed"]
    cases: Cases
    fields: tuple[FieldChange, ...] = ()


def diff(old: RuleBook, new: RuleBook) -> list[Difference]:
    """Rules, then calendars, by name; none when the sets say the same.

    >>> from rules.loader import parse
    >>> empty = parse(b'{"v":1,"rules":[],"calendars":[]}')
    >>> diff(empty, empty)
    []
    """
    return [*_rules(old, new), *_calendars(old, new)]


def _rules(old: RuleBook, new: RuleBook) -> Iterator[Difference]:
    before = {id: document.value for id, document in old.documents.items()}
    after = {id: document.value for id, document in new.documents.items()}
    for id in sorted(before.keys() | after.keys()):
        if id not in before:
            yield Difference("rule", id, "added", "begin" if _runs(after[id]) else "none")
        elif id not in after:
            yield Difference("rule", id, "removed", _ends(before[id]))
        elif before[id] != after[id]:
            fields = tuple(_fields(before[id], after[id], ""))
            yield Difference("rule", id, "changed", _cases(before[id], after[id]), fields)


def _cases(old: Mapping[str, Any], new: Mapping[str, Any]) -> Cases:
    """As `Partition.activate` has it: a rule's tests aside, whatever changes ends them."""
    if not _runs(old):
        return "begin" if _runs(new) else "none"
    if not _runs(new):
        return _ends(old)
    undecided = {"tests": (), "on_change": ""}
    if {**old, **undecided} == {**new, **undecided}:
        return "go on"
    way: Cases = new.get("on_change", "expire")
    return "expire" if way == "migrate" and _cannot_migrate(old, new) else way


def _ends(rule: Mapping[str, Any]) -> Cases:
    """Of a rule that is gone: there is nothing to migrate to."""
    if not _runs(rule):
        return "none"
    return "finish" if rule.get("on_change") == "finish" else "expire"


def _cannot_migrate(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return (old["kind"], old.get("key")) != (new["kind"], new.get("key")) or (
        len(old.get("steps", ())) != len(new.get("steps", ()))
    )


def _runs(rule: Mapping[str, Any]) -> bool:
    return rule["status"] in RUNNING


def _calendars(old: RuleBook, new: RuleBook) -> Iterator[Difference]:
    for id in sorted(old.calendars.keys() | new.calendars.keys()):
        if id not in old.calendars:
            yield Difference("calendar", id, "added", "none")
        elif id not in new.calendars:
            yield Difference("calendar", id, "removed", "none")
        elif old.calendars[id].form != new.calendars[id].form:
            was, now = (book.calendars[id].form.model_dump(mode="json") for book in (old, new))
            yield Difference("calendar", id, "changed", "go on", tuple(_fields(was, now, "")))


def _fields(old: Any, new: Any, path: str) -> Iterator[FieldChange]:
    """Mappings are compared field by field, whatever else as a whole."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield FieldChange(path, old, new)
        return
    for name in [*old, *(name for name in new if name not in old)]:
        yield from _fields(old.get(name), new.get(name), f"{path}.{name}" if path else str(name))
