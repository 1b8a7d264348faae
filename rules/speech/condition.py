"""A condition said in words; what has no plain words stays CEL."""

from __future__ import annotations

import json

from rules.cel.parser import parse
from rules.cel.syntax import Items, Literal, Logic, Node, Operator, Select
from rules.cel.values import Value
from rules.speech.language import Language
from rules.terms import compared, path_of, terms


def condition(where: str, language: Language) -> str:
    """The terms that must all hold.

    >>> from rules.speech.english import ENGLISH
    >>> condition('data.page == "prices" && (data.n > 3 || size(data.tags) > 1)', ENGLISH)
    'page is "prices" and `(data.n > 3 || size(data.tags) > 1)` holds'
    """
    parts = terms(where)
    said = [
        _words(parse(part), language, inner=len(parts) > 1) or language.say("holds", text=part)
        for part in parts
    ]
    return language.join(said, "and")


def _words(node: Node, language: Language, *, inner: bool = True) -> str | None:
    """inner: it stands beside others."""
    if found := compared(node):
        return language.say(found.operator, path=_name(found.path), value=_text(found.value))
    match node:
        case Select(test=True, operand=operand, field=field):
            path = path_of(operand)
            return path and language.say("has", path=_name(f"{path}.{field}"))
        case Operator(name="!{}", operands=(Select(test=True, operand=operand, field=field),)):
            path = path_of(operand)
            return path and language.say("no", path=_name(f"{path}.{field}"))
        case Operator(name="{} in {}", operands=(left, Items(items=items))):
            path, values = path_of(left), [i.value for i in items if isinstance(i, Literal)]
            if path is None or len(values) < len(items):
                return None
            listed = language.join([_text(value) for value in values])
            return language.say("in", path=_name(path), value=listed)
        case Logic(name=name, terms=parts):
            said = [_words(part, language) for part in parts]
            if None in said:
                return None
            text = language.join([part for part in said if part], "and" if name == "&&" else "or")
            return language.say("inner", text=text) if inner else text
    return None


def _name(path: str) -> str:
    return path.removeprefix("data.")


def _text(value: Value) -> str:
    """As it is written in YAML and CEL alike."""
    plain = value is None or type(value) in (str, bool, int, float)
    return json.dumps(value, ensure_ascii=False) if plain else str(value)
