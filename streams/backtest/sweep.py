"""A sweep: a rule set with some of its fields set anew, each value with each, to see what it does.

    --sweep rules.trial.silent-to-day-11.deadline.after=9d,11d,13d

Ahead of the runs. What is swept is laid on the published form of the rules and checked by the one
grammar that there is; items of a list are named as in an overlay, by `as` or `rule`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from models.errors import BadSetting
from rules.form_faults import did_you_mean
from rules.loader import RuleBook, parse
from rules.yaml_text import parse_document

PREFIX = "rules."
POINTS_MAX = 100


class Axis(NamedTuple):
    """rule: its id. path: of the field in it. values: as they would stand in the file."""

    rule: str
    path: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        return f"{self.rule}.{'.'.join(self.path)}"


class Point(NamedTuple):
    """values: by the name of the axis. book: the rules under them."""

    values: dict[str, Any]
    book: RuleBook


def parse_axis(text: str, book: RuleBook) -> Axis:
    """Raises BadSetting, with what there is."""
    field, equals, values = text.partition("=")
    form = "a sweep is written rules.ID.field=a,b,c"
    if not equals or not field.startswith(PREFIX):
        raise BadSetting(f"--sweep {text}: {form}")
    named = field.removeprefix(PREFIX)
    ids = [rule.id for rule in book.rules if named.startswith(f"{rule.id}.")]
    if not ids:
        raise BadSetting(
            f"--sweep {text}: no rule is called so; "
            + did_you_mean(named, [rule.id for rule in book.rules])
        )
    id = max(ids, key=len)
    path = tuple(named.removeprefix(f"{id}.").split("."))
    read = tuple(_value(text, value) for value in values.split(","))
    if not all(path):
        raise BadSetting(f"--sweep {text}: {form}")
    return Axis(id, path, read)


def _value(text: str, value: str) -> Any:
    document, faults = parse_document(f"value: {value}\n", "--sweep")
    if faults or document.value["value"] is None:
        raise BadSetting(f"--sweep {text}: {value!r} is no value")
    return document.value["value"]


def points(book: RuleBook, axes: Sequence[Axis]) -> Iterator[Point]:
    """Every value of every axis with every other. Raises BadRule for one that makes no rule."""
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > POINTS_MAX:
        raise BadSetting(f"--sweep: {count} runs, at most {POINTS_MAX} are made at once")
    for values in product(*(axis.values for axis in axes)):
        content = json.loads(book.content)
        for axis, value in zip(axes, values, strict=True):
            rule = next(rule for rule in content["rules"] if rule["id"] == axis.rule)
            _lay(rule, axis, value)
        named = {axis.name: value for axis, value in zip(axes, values, strict=True)}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        yield Point(named, parse(text.encode()))


def _lay(rule: dict[str, Any], axis: Axis, value: Any) -> None:
    inner: Any = rule
    for step in axis.path[:-1]:
        inner = _step(inner, step, axis)
    last = axis.path[-1]
    if not isinstance(inner, dict):
        raise BadSetting(f"--sweep {axis.name}: nothing can be set at {last!r}")
    inner[last] = value


def _step(value: Any, step: str, axis: Axis) -> Any:
    """Into a mapping that need not be there yet, or to an item of a list by its name."""
    if isinstance(value, dict):
        return value.setdefault(step, {})
    names = {}
    if isinstance(value, list):
        items = [item if isinstance(item, dict) else {} for item in value]
        names = {
            str(item.get("as") or item.get("rule") or f"step_{i}"): item
            for i, item in enumerate(items, 1)
        }
    if step not in names:
        told = did_you_mean(step, names) if names else "there is nothing below it"
        raise BadSetting(f"--sweep {axis.name}: nothing is called {step!r} here; {told}")
    return names[step]
