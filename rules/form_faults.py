"""What pydantic found wrong in a form, said to the person who wrote it: where, what, what instead.

Between the grammar and the loader; used for rules and calendars alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from models.errors import Fault
from rules.positions import Document, Path

_WANTED = {
    "string_type": "text is wanted here; quote it",
    "tuple_type": "a list is wanted here, such as [a, b]",
    "list_type": "a list is wanted here, such as [a, b]",
    "dict_type": "a mapping is wanted here, such as {name: value}",
    "model_type": "a mapping is wanted here, such as {name: value}",
    "model_attributes_type": "a mapping is wanted here, such as {name: value}",
    "int_parsing": "a whole number is wanted here",
    "too_short": "at least one is needed here",
}
_PATTERNS = {
    "type": "an event type is dotted lower case, such as document.downloaded",
    "types": "an event type is dotted lower case, such as document.downloaded",
    "score_at": "an event type is dotted lower case, such as document.downloaded",
    "id": "an id is lower case words joined by . or -, such as contract.legal-reply",
    "version": "a version is three numbers, such as 1.0.0",
    "key": "a key is a path into the event's data, such as data.ticket",
    "as": "a step's name is one lower case word",
}


def form_faults(error: ValidationError, document: Document, form: Any) -> list[Fault]:
    """One fault per place. form: the model that was asked for."""
    found: dict[tuple[Path, bool], list[str]] = {}
    for detail in error.errors():
        at, is_key, message = _explain(dict(detail), document, form)
        messages = found.setdefault((at, is_key), [])
        if message not in messages:
            messages.append(message)
    return [
        document.fault(at, " - or ".join(messages), key=is_key)
        for (at, is_key), messages in found.items()
    ]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that is meant, or all of them.

    >>> did_you_mean("wihtin", ["within", "calendar"])
    "did you mean 'within'?"
    >>> did_you_mean("x", ["within", "calendar"])
    'known here: calendar, within'
    """
    names = sorted(known)
    near = get_close_matches(word, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names)}"


def _explain(detail: dict[str, Any], document: Document, form: Any) -> tuple[Path, bool, str]:
    """(place, whether its key is meant, message)."""
    loc, kind = detail["loc"], detail["type"]
    at = _place(loc, document)
    name = str(loc[-1]) if loc else ""
    if kind == "missing":
        return at, False, f"`{name}` is missing"
    if kind == "extra_forbidden":
        return at, True, f"unknown field {name!r}; {did_you_mean(name, _fields(form, loc[:-1]))}"
    if kind == "literal_error":
        known = [
            word.strip("'") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        return (
            at,
            False,
            f"{detail['input']!r} is not known; {did_you_mean(str(detail['input']), known)}",
        )
    if kind == "string_pattern_mismatch":
        field = next((str(step) for step in reversed(loc) if isinstance(step, str)), "")
        return at, False, f"{detail['input']!r}: {_PATTERNS.get(field, detail['msg'])}"
    if kind == "too_long":
        most = detail["ctx"]["max_length"]
        return at, False, f"at most {most} are allowed here: an account's state is bounded"
    if kind == "value_error":
        told = str(detail["ctx"]["error"])
        return _place((*loc, *_meant(told)), document), name == "[key]", told
    return at, name == "[key]", _WANTED.get(kind, detail["msg"])


def _meant(message: str) -> list[str]:
    """A check of several fields begins with the name of the one that it is about.

    >>> _meant("`baseline` is 1 to 16 whole windows")
    ['baseline']
    """
    return re.findall(r"^`(\w+)`", message)


def _place(loc: tuple[int | str, ...], document: Document) -> Path:
    """The part of pydantic's place that is there: union tags and missing fields are skipped."""
    path: Path = ()
    value = document.value
    for step in loc:
        if isinstance(value, dict) and str(step) in value:
            path, value = (*path, str(step)), value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path, value = (*path, step), value[step]
    return path


def _fields(form: Any, loc: tuple[int | str, ...]) -> list[str]:
    """The names that may stand at a place, by walking the models' annotations."""
    models = _models(form)
    for step in loc:
        fields = [
            f for m in models for name, f in m.model_fields.items() if (f.alias or name) == step
        ]
        if fields:
            models = [m for f in fields for m in _models(f.annotation)]
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
