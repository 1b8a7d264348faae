"""The syntax tree: what the parser hands to the compiler.

`position` is where the author would look for a fault: the operator, the name, the literal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias

from rules.cel.values import Value

Macro: TypeAlias = OneOf["all", "exists", "exists_one", "map", "filter"]


@dataclass(frozen=True, slots=True)
class Literal:
    position: int
    value: Value


@dataclass(frozen=True, slots=True)
class Ident:
    """`root`: written with a leading dot, so never the variable of a macro."""

    position: int
    name: str
    root: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field` or, as a `test`, `has(operand.field)`."""

    position: int
    operand: Node
    field: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """`name` with its operands in braces: `{} + {}`, `{}[{}]`, `-{}`."""

    position: int
    name: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """`name(args)` or, with a `target`, `target.name(args)`."""

    position: int
    name: str
    target: Node | None
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """Two or more terms joined by one of `&&` and `||`."""

    position: int
    name: str
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`test ? yes : no`"""

    position: int
    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    position: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A map."""

    position: int
    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """`source.macro(variable, body)`, and `source.map(variable, where, body)`."""

    position: int
    macro: Macro
    source: Node
    variable: str
    where: Node | None
    body: Node


Node: TypeAlias = (
    Literal | Ident | Select | Operator | Call | Logic | Choice | Items | Entries | Loop
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right under `node`, in the order of the text."""
    match node:
        case Select():
            return (node.operand,)
        case Operator():
            return node.operands
        case Call():
            return node.args if node.target is None else (node.target, *node.args)
        case Logic():
            return node.terms
        case Choice():
            return (node.test, node.yes, node.no)
        case Items():
            return node.items
        case Entries():
            return tuple(part for entry in node.entries for part in entry)
        case Loop():
            inner = (node.body,) if node.where is None else (node.where, node.body)
            return (node.source, *inner)
        case Literal() | Ident():
            return ()


def count(root: Node) -> int:
    """The nodes of a tree."""
    stack, count = [root], 0
    while stack:
        stack.extend(children(stack.pop()))
        count += 1
    return count
