"""Conditions of rules: CEL over one event, compiled once and asked for every event of a type.

On the data path this is the innermost call, so comparisons of a field of `data` with a constant,
which most conditions are made of, have a closure of their own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.event import Event
from rules.cel.closures import Run
from rules.cel.errors import ConditionError
from rules.cel.names import Environment
from rules.cel.program import compile_program
from rules.cel.times import from_datetime
from rules.cel.values import TYPES, Error, Kind, Value

__all__ = ["Condition", "ConditionError", "Reason", "Verdict", "compile_condition"]

_EXACT = 2**53  # below, a double holds every int, and Python compares the two as CEL does
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "{} == {}": operator.eq,
    "{} != {}": operator.ne,
    "{} < {}": operator.lt,
    "{} <= {}": operator.le,
    "{} > {}": operator.gt,
    "{} >= {}": operator.ge,
}
_NO_PROVENANCE = Error(Kind.NO_SUCH_KEY, "no such key: provenance (the event carries none)")


class Reason(StrEnum):
    """Why a condition holds for an event or does not; the same in logs, metrics, explanations."""

    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    ERROR = "error"
    NOT_BOOL = "not_bool"


@dataclass(frozen=True, slots=True)
class Verdict:
    """detail: what the error was, or of which type the value is that should be a bool."""

    reason: Reason
    detail: str = ""


class Condition:
    """A condition to ask of events; made by `compile_condition`.

    text: as written. paths: what it reads of an event, such as `data.dwell_s` or `actor.kind`.
    """

    __slots__ = ("_run", "paths", "text")

    def __init__(self, text: str, run: Run, paths: frozenset[str]) -> None:
        self.text = text
        self.paths = paths
        self._run = run

    def __call__(self, event: Event) -> bool:
        """Whether the value is true; an error and a value that is no bool are not. Never raises."""
        return self._run(event, []) is True

    def verdict(self, event: Event) -> Verdict:
        """The same answer with its reason."""
        value = self._run(event, [])
        if value is True:
            return Verdict(Reason.MATCHED)
        if value is False:
            return Verdict(Reason.NOT_MATCHED)
        if type(value) is Error:
            return Verdict(Reason.ERROR, value.text)
        return Verdict(Reason.NOT_BOOL, f"the value is of type {_type_name(value)}")


def compile_condition(text: str) -> Condition:
    """CEL over `data`, `type`, `id`, `source`, `subject`, `account`, `time`, `actor`, `provenance`.

    Raises ConditionError for text that is no expression, a name that is not known, and a constant
    part that has no value, such as duration("2 days"): it would be an error for every event.

    >>> from datetime import UTC, datetime
    >>> event = Event(specversion="1.0", id="1", source="//s", type="page.viewed", subject="acme",
    ...               time=datetime(2026, 3, 2, tzinfo=UTC), data={"page": "price", "dwell_s": 200})
    >>> condition = compile_condition('data.page == "price" && data.dwell_s > 180')
    >>> condition(event), sorted(condition.paths)
    (True, ['data.dwell_s', 'data.page'])
    """
    program = compile_program(text, _EVENT)
    for position, error in program.faults:
        raise ConditionError(position, error.text)
    if not program.paths and type(value := program.run(None, [])) is not bool:
        raise ConditionError(0, f"a condition is true or false, and this is {_type_name(value)}")
    return Condition(text, program.run, program.paths)


def _type_name(value: Value) -> str:
    return TYPES[type(value)].name if type(value) in TYPES else type(value).__name__


def _shortcut(form: str, path: tuple[str, ...], constant: Value, general: Run) -> Run:
    """`data.field` compared with a string or a number of a range where Python's order is CEL's."""
    kind = type(constant)
    if form not in _COMPARE or len(path) != 2 or path[0] != "data":
        return general
    if kind is not str and not (kind in (int, float) and -_EXACT < constant < _EXACT):
        return general
    field = path[1]
    compare = _COMPARE[form]
    kinds = frozenset((str,)) if kind is str else frozenset((int, float))

    def run(event: Event, scope: list[Value]) -> Value:
        value = event.data.get(field)
        return compare(value, constant) if type(value) in kinds else general(event, scope)

    return run


def _actor(event: Event) -> dict[str, str]:
    return {} if event.actorkind is None else {"kind": event.actorkind}


def _provenance(event: Event) -> Value:
    return _NO_PROVENANCE if event.provenance is None else event.provenance


_EVENT = Environment(
    {
        "data": lambda event: event.data,
        "type": lambda event: event.type,
        "id": lambda event: event.id,
        "source": lambda event: event.source,
        "subject": lambda event: event.subject,
        "account": lambda event: event.subject,
        "time": lambda event: from_datetime(event.time),
        "actor": _actor,
        "provenance": _provenance,
    },
    _shortcut,
    hint=" (a field of the event's data is written data.{name})",
)
