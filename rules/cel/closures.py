"""What the compiler makes of a node: closures `run(root, scope)` over those of its parts.

`root` is what the variables are read from. `scope` is empty unless the expression has loops: then
its first item is the fuel that is left, and the others are the variables of the loops (see
`loops`). An operand that is an error makes the result that error: no table of overloads has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rules.cel.operators import Overloads, show
from rules.cel.values import BoolKey, Error, Kind, UInt, Value, in_range, map_key, no_overload

Scope: TypeAlias = list[Value]
Run: TypeAlias = Callable[[Any, Scope], Value]

SIZE_OF_A_STEP = 64  # characters, bytes or items that an operand in a loop has for one step of fuel

_SIZED = frozenset((str, bytes, list, dict))


def constant(value: Value) -> Run:
    return lambda root, scope: value


def variable(get: Callable[[Any], Value]) -> Run:
    return lambda root, scope: get(root)


def local(slot: int) -> Run:
    """The variable of a loop."""
    return lambda root, scope: scope[slot]


def select(operand: Run, field: str, name: str) -> Run:
    """`operand.field`; name: how the error calls it."""
    missing = Error(Kind.NO_SUCH_KEY, f"no such key: {name}")

    def run(root: Any, scope: Scope) -> Value:
        value = operand(root, scope)
        if type(value) is dict:
            return in_range(value.get(field, missing))
        return no_overload(f"{{}}.{field}", value)

    return run


def has(operand: Run, field: str) -> Run:
    def run(root: Any, scope: Scope) -> Value:
        value = operand(root, scope)
        return field in value if type(value) is dict else no_overload(f"has({{}}.{field})", value)

    return run


def apply(act: Callable[..., Value], args: Sequence[Run]) -> Run:
    """`act` takes any values, errors too."""
    if len(args) == 2:
        left, right = args
        return lambda root, scope: act(left(root, scope), right(root, scope))
    return lambda root, scope: act(*[arg(root, scope) for arg in args])


def dispatch(form: str, overloads: Overloads, args: Sequence[Run]) -> Run:
    """The overload for the types of the arguments; form: how the error shows the call."""
    find = overloads.get
    if len(args) == 2:
        left, right = args

        def run_two(root: Any, scope: Scope) -> Value:
            a = left(root, scope)
            b = right(root, scope)
            act = find((type(a), type(b)))
            return no_overload(form, a, b) if act is None else act(a, b)

        return run_two

    def run(root: Any, scope: Scope) -> Value:
        values = [arg(root, scope) for arg in args]
        act = find(tuple(map(type, values)))
        return no_overload(form, *values) if act is None else act(*values)

    return run


def among(item: Run, names: frozenset[str], general: Run) -> Run:
    """`item in [...]` for a constant list of strings."""

    def run(root: Any, scope: Scope) -> Value:
        value = item(root, scope)
        return value in names if type(value) is str else general(root, scope)

    return run


def logic(name: str, terms: Sequence[Run]) -> Run:
    """`&&` or `||`: a term that decides hides the errors of the others, on either side."""
    decisive = name == "||"
    if len(terms) > 2:
        return _long_logic(name, terms)
    left, right = terms

    def run(root: Any, scope: Scope) -> Value:
        a = left(root, scope)
        if a is decisive:
            return decisive
        b = right(root, scope)
        if b is decisive:
            return decisive
        if type(a) is bool and type(b) is bool:
            return not decisive
        return no_overload(f"{{}} {name} {{}}", a, b)

    return run


def _long_logic(name: str, terms: Sequence[Run]) -> Run:
    decisive = name == "||"

    def run(root: Any, scope: Scope) -> Value:
        failed: Value = None
        for term in terms:
            value = term(root, scope)
            if value is decisive:
                return decisive
            if type(value) is not bool and failed is None:
                failed = no_overload(f"{{}} as a part of {name}", value)
        return not decisive if failed is None else failed

    return run


def choice(test: Run, yes: Run, no: Run) -> Run:
    def run(root: Any, scope: Scope) -> Value:
        value = test(root, scope)
        if value is True:
            return yes(root, scope)
        if value is False:
            return no(root, scope)
        return no_overload("{} ? … : …", value)

    return run


def items(parts: Sequence[Run]) -> Run:
    def run(root: Any, scope: Scope) -> Value:
        values = []
        for part in parts:
            value = part(root, scope)
            if type(value) is Error:
                return value
            values.append(value)
        return values

    return run


def entries(parts: Sequence[tuple[Run, Run]]) -> Run:
    """A map; its keys are stored as `map_key` has them."""

    def run(root: Any, scope: Scope) -> Value:
        result: dict[str | int | BoolKey, Value] = {}
        for key_part, value_part in parts:
            key, value = key_part(root, scope), value_part(root, scope)
            if type(key) not in (str, int, UInt, bool) or type(value) is Error:
                return no_overload("{{{}: {}}}", key, value)
            stored = map_key(key)
            if stored in result:
                return Error(Kind.INVALID_ARGUMENT, f"the key {show(key)} is there twice")
            result[stored] = value
        return result

    return run


def measured(operand: Run) -> Run:
    """An operand in a loop, which costs fuel by its size."""

    def run(root: Any, scope: Scope) -> Value:
        value = operand(root, scope)
        if type(value) in _SIZED:
            scope[0] -= len(value) // SIZE_OF_A_STEP
        return value

    return run
