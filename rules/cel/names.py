"""What the names in an expression may stand for: variables, types and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from rules.cel.closures import Run
from rules.cel.errors import ConditionError
from rules.cel.functions import FUNCTIONS, METHODS
from rules.cel.operators import Overloads
from rules.cel.syntax import Call, Ident, Macro
from rules.cel.values import TYPES, Value

TYPE_NAMES = {kind.name: kind for kind in TYPES.values()}

_ON_VALUES = (*METHODS, *get_args(Macro))
_ALONE = (*FUNCTIONS, "has")


@dataclass(frozen=True)
class Environment:
    """What an expression may read. variables: how to get each one from the root.

    shortcut: a faster closure for `path operator constant`, given the operator's form, the path,
    the constant and the closure that it must agree with. hint: for an unknown `{name}`.
    """

    variables: Mapping[str, Callable[[Any], Value]]
    shortcut: Callable[[str, tuple[str, ...], Value, Run], Run] = lambda form, path, value, run: run
    hint: str = ""

    def unknown(self, node: Ident) -> ConditionError:
        """The fault of a name that is neither a variable nor a type."""
        if node.name in FUNCTIONS:
            text = f"{node.name} is a function: write {node.name}(…)"
        else:
            text = f"{node.name} is not known{_like(node.name, self.variables)}"
            text += self.hint.format(name=node.name)
        return ConditionError(node.position, text)


def overloads_of(node: Call) -> Overloads:
    """Those of the function that is called. Raises ConditionError.

    It must be known by its name, in this form (alone or on a value), with this many arguments.
    """
    name, table = node.name, FUNCTIONS if node.target is None else METHODS
    if name not in table:
        if node.target is None and name in _ON_VALUES:
            text = f"{name}() is called on a value: write x.{name}(…)"
        elif node.target is not None and name in _ALONE:
            text = f"{name}() is not called on a value: write {name}(x)"
        else:
            text = f"{name}() is not known{_like(name, (*_ALONE, *_ON_VALUES))}"
        raise ConditionError(node.position, text)
    counts = sorted({len(types) - (table is METHODS) for types in table[name]})
    if len(node.args) not in counts:
        wanted = " or ".join(map(str, counts)) + (" argument" if counts[-1] == 1 else " arguments")
        raise ConditionError(node.position, f"{name}() takes {wanted}, not {len(node.args)}")
    return table[name]


def _like(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""
