"""The reference of the rule language as Markdown tables, generated from its pydantic models.

`pathline rules reference` prints it; docs/rules.md holds it, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from models.duration import Duration
from models.opening import CalendarForm
from rules.grammar import RuleForm
from rules.grammar_base import WallSpan
from rules.lint import CHECKS
from rules.loader import KINDS
from rules.meanings import MEANINGS
from rules.overlay import OPEN
from rules.timespan import span

Form = type[BaseModel]
_WALL = get_args(WallSpan)[-1]
_PLAIN: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    date: "day",
    datetime: "instant",
    Any: "anything",
}


def reference() -> str:
    """Tables of all kinds, the forms inside them, calendars, and lint's checks."""
    parts = ["### Every rule", _table(RuleForm, ())]
    common = tuple(RuleForm.model_fields)
    for kind, form in KINDS.items():
        parts += [f"### Kind `{kind}`", _table(form, (*common, "kind"))]
    for form in _inner([RuleForm, *KINDS.values()]):
        parts += [f"### {form.__name__}", _table(form, ())]
    parts += ["### Calendar", _table(CalendarForm, ())]
    for form in _inner([CalendarForm]):
        parts += [f"### {form.__name__}", _table(form, ())]
    parts += ["### Overlay", f"An overlay may set {', '.join(f'`{name}`' for name in OPEN)}."]
    checks = [f"| {number} | {c.level} | {c.title} |" for number, c in CHECKS.items()]
    parts += ["### Lint", "\n".join(["| number | level | what |", "|---|---|---|", *checks])]
    return "\n\n".join(parts) + "\n"


def _table(form: Form, without: tuple[str, ...]) -> str:
    rows = ["| field | value | default | meaning |", "|---|---|---|---|"]
    for name, field in form.model_fields.items():
        if name not in without:
            cells = (
                f"`{field.alias or name}`",
                _value(field),
                _default(field),
                _meaning(form, name),
            )
            rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(rows)


def _meaning(form: Form, name: str) -> str:
    """Of the form that brings the field in; a field without a meaning is an error."""
    own = form.model_fields[name].description
    if own:
        return own
    owner = next(
        base for base in reversed(form.__mro__) if name in getattr(base, "model_fields", {})
    )
    return MEANINGS[f"{owner.__name__}.{name}"]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see there"
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, Duration):
        return f"`{span(value.amount)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _value(field: FieldInfo) -> str:
    return _text(field.annotation, field.metadata)


def _text(annotation: Any, metadata: Any = ()) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _text(args[0], (*args[1:], *metadata))
    if origin in (Union, UnionType):
        return " or ".join(_text(arg, metadata) for arg in args if arg is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin is tuple:
        return f"list of {_text(args[0])}" if Ellipsis in args else "hours"
    if origin is dict:
        return f"mapping of {_text(args[0])} to {_text(args[1])}"
    if annotation is Duration:
        return "wall duration" if _WALL in metadata else "duration"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return _PLAIN[annotation]


def _inner(forms: list[Form]) -> Iterator[Form]:
    """The forms inside forms, each once, in the order in which they are met."""
    seen = list(forms)
    for form in seen:
        for field in form.model_fields.values():
            for part in _forms(field.annotation):
                if part not in seen:
                    seen.append(part)
                    yield part


def _forms(annotation: Any) -> list[Form]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [form for part in get_args(annotation) for form in _forms(part)]
