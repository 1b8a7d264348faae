"""Macros: calls that are syntax, recognised by their name and the number of their arguments.

Source: "Macros" in cel-spec, doc/langdef.md.
"""

from __future__ import annotations

from typing import get_args

from rules.cel.errors import ConditionError
from rules.cel.syntax import Ident, Loop, Macro, Node, Select
from rules.cel.tokens import Token

_LOOPS: dict[str, Macro] = {name: name for name in get_args(Macro)}


def expand(name: Token, target: Node | None, args: tuple[Node, ...]) -> Node | None:
    """The macro that this call is, None when it is an ordinary call.

    Raises ConditionError for a macro with the wrong arguments.
    """
    if target is None:
        return _has(name, args) if name.text == "has" else None
    macro = _LOOPS.get(name.text)
    return _loop(name, macro, target, args) if macro else None


def _has(name: Token, args: tuple[Node, ...]) -> Node:
    if len(args) == 1 and isinstance(args[0], Select) and not args[0].test:
        return Select(args[0].position, args[0].operand, args[0].field, test=True)
    raise ConditionError(name.position, "has() takes one field, such as has(data.page)")


def _loop(name: Token, macro: Macro, source: Node, args: tuple[Node, ...]) -> Node:
    where = args[1] if macro == "map" and len(args) == 3 else None
    if len(args) != (2 if where is None else 3):
        form = f"{macro}(x, …) takes the name of a variable and an expression over it"
        raise ConditionError(name.position, form)
    variable = args[0]
    if not isinstance(variable, Ident) or variable.root:
        text = f"the first argument of {macro}() is the plain name of its variable, such as x"
        raise ConditionError(variable.position, text)
    return Loop(name.position, macro, source, variable.name, where, args[-1])
