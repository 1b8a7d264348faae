"""What a condition is made of: the terms that must all hold, and what each compares.

For whoever looks at a rule without running it: lint, descriptions, explanations.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rules.cel.parser import parse
from rules.cel.syntax import Ident, Literal, Node, Operator, Select
from rules.cel.tokens import tokens
from rules.cel.values import Value

_ORDERS: dict[str, Callable[[Value, Value], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Comparison(NamedTuple):
    """`path operator value`, such as `data.dwell_s > 180`."""

    path: str
    operator: str
    value: Value


def terms(where: str) -> list[str]:
    """The parts that `&&` joins, as they are written; a condition of another form is one.

    >>> terms('data.page == "a && b" && (data.dwell_s > 180 || has(data.paid))')
    ['data.page == "a && b"', '(data.dwell_s > 180 || has(data.paid))']
    """
    cuts, depth = [0], 0
    for token in tokens(where):
        if token.kind != "mark":
            continue
        if token.text in "([{":
            depth += 1
        elif token.text in ")]}":
            depth -= 1
        elif depth == 0 and token.text in ("||", "?"):
            return [where.strip()]
        elif depth == 0 and token.text == "&&":
            cuts.append(token.position)
    pieces = [where[i:j] for i, j in zip(cuts, [*cuts[1:], len(where)], strict=True)]
    return [piece.removeprefix("&&").strip() for piece in pieces]


def comparison(term: str) -> Comparison | None:
    """A field compared with a constant, whichever of the two stands first; else None.

    >>> comparison("180 <= data.dwell_s")
    Comparison(path='data.dwell_s', operator='>=', value=180)
    >>> comparison("data.dwell_s > data.limit_s") is None
    True
    """
    return compared(parse(term))


def compared(node: Node) -> Comparison | None:
    """The same of a tree."""
    if not isinstance(node, Operator) or len(node.operands) != 2:
        return None
    sign = node.name.removeprefix("{} ").removesuffix(" {}")
    left, right = node.operands
    if isinstance(left, Literal):
        left, right, sign = right, left, _TURNED.get(sign, "")
    path = path_of(left)
    if path is None or not isinstance(right, Literal) or sign not in _TURNED:
        return None
    return Comparison(path, sign, right.value)


def path_of(node: Node) -> str | None:
    """`data.page` of the tree of it; None for what is no plain path."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.test:
        inner = path_of(node.operand)
        return None if inner is None else f"{inner}.{node.field}"
    return None


def contradictions(where: str) -> Iterator[str]:
    """The paths of which a condition asks what no value is.

    >>> list(contradictions('data.n > 5 && data.n <= 5 && data.page == "a"'))
    ['data.n']
    """
    asked: dict[str, list[Comparison]] = {}
    for term in terms(where):
        if found := comparison(term):
            asked.setdefault(found.path, []).append(found)
    for path, wanted in asked.items():
        if not _is_possible(wanted):
            yield path


def _is_possible(wanted: list[Comparison]) -> bool:
    equal = [c.value for c in wanted if c.operator == "=="]
    if equal:
        return all(_holds(equal[0], c) for c in wanted)
    numbers = [c for c in wanted if type(c.value) in (int, float)]
    least = [c for c in numbers if c.operator in (">", ">=")]
    most = [c for c in numbers if c.operator in ("<", "<=")]
    return all(
        low.value < high.value
        or (low.value == high.value and (low.operator, high.operator) == (">=", "<="))
        for low in least
        for high in most
    )


def _holds(value: Value, wanted: Comparison) -> bool:
    """Values of different types are told apart by CEL at run time; here they may be right."""
    other, sign = wanted.value, wanted.operator
    if sign in ("==", "!="):
        return bool(value == other) == (sign == "==")
    if type(value) not in (int, float) or type(other) not in (int, float):
        return True
    return _ORDERS[sign](value, other)
