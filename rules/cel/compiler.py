"""The third step: a syntax tree to closures.

Names are resolved here, once, so that an unknown one is a fault of the text and not of an event.
What depends on no variable is computed here too; if it has no value, that is kept as a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from rules.cel import closures, loops
from rules.cel.closures import Run
from rules.cel.equality import contains, differs, equals
from rules.cel.functions import CHECKS
from rules.cel.names import TYPE_NAMES, Environment, overloads_of
from rules.cel.operators import OPERATORS, index
from rules.cel.syntax import (
    Call,
    Choice,
    Entries,
    Ident,
    Items,
    Literal,
    Logic,
    Loop,
    Node,
    Operator,
    Select,
    children,
    count,
)
from rules.cel.values import Error, Value

_ANY_TYPES: dict[str, Callable[..., Value]] = {
    "{} == {}": equals,
    "{} != {}": differs,
    "{} in {}": contains,
    "{}[{}]": index,
}


class Code(NamedTuple):
    """A compiled node. path: the variable and fields that it reads, if it does just that.

    constant: whether `value` is what it always gives.
    """

    run: Run
    path: tuple[str, ...] = ()
    constant: bool = False
    value: Value = None


class Compiler:
    """paths: those read. faults: the constant parts that have no value, and their places."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.paths: set[str] = set()
        self.faults: list[tuple[int, Error]] = []
        self.slots = 0
        self._locals: list[str] = []

    def compile(self, node: Node) -> Code:
        """Raises ConditionError for a name that is not known."""
        code = self._compile(node)
        if code.path:
            self.paths.add(".".join(code.path))
        return code

    def _compile(self, node: Node) -> Code:
        """The same, for a parent that may go on with the path."""
        match node:
            case Literal():
                return _constant(node.value)
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Operator():
                return self._operator(node)
            case Call():
                return self._call(node)
            case Loop():
                return self._loop(node)
            case _:
                return self._compound(node)

    def _compound(self, node: Logic | Choice | Items | Entries) -> Code:
        match node:
            case Logic():
                return Code(closures.logic(node.name, self._runs(node.terms)))
            case Choice():
                test, yes, no = self._runs(children(node))
                return Code(closures.choice(test, yes, no))
            case Items():
                codes = [self.compile(item) for item in node.items]
                return self._fold(node, closures.items([code.run for code in codes]), codes)
            case Entries():
                pairs = [(self.compile(key), self.compile(value)) for key, value in node.entries]
                run = closures.entries([(key.run, value.run) for key, value in pairs])
                return self._fold(node, run, [code for pair in pairs for code in pair])

    def _runs(self, nodes: Iterable[Node]) -> list[Run]:
        return [self.compile(node).run for node in nodes]

    def _ident(self, node: Ident) -> Code:
        if node.name in self._locals and not node.root:
            depth = len(self._locals) - self._locals[::-1].index(node.name)
            return Code(closures.local(depth))
        found = self._global(node.name)
        if found is None:
            raise self.environment.unknown(node)
        return found

    def _global(self, name: str) -> Code | None:
        """A variable or, unless one has its name, a type."""
        if name in self.environment.variables:
            return Code(closures.variable(self.environment.variables[name]), (name,))
        return _constant(TYPE_NAMES[name]) if name in TYPE_NAMES else None

    def _select(self, node: Select) -> Code:
        if not node.test and (found := self._qualified(node)):
            return found
        operand = self._compile(node.operand)
        path = (*operand.path, node.field) if operand.path else ()
        if node.test:
            self.paths.update([".".join(path)] if path else [])
            return self._fold(node, closures.has(operand.run, node.field), [operand])
        run = closures.select(operand.run, node.field, ".".join(path) or node.field)
        return self._fold(node, run, [operand], path)

    def _qualified(self, node: Select) -> Code | None:
        """A variable or a type whose own name has dots, such as google.protobuf.Timestamp."""
        names, operand = [node.field], node.operand
        while isinstance(operand, Select) and not operand.test:
            names.append(operand.field)
            operand = operand.operand
        if not isinstance(operand, Ident) or (operand.name in self._locals and not operand.root):
            return None
        return self._global(".".join([operand.name, *reversed(names)]))

    def _operator(self, node: Operator) -> Code:
        if node.name == "{}[{}]":
            return self._index(node)
        codes = [self.compile(operand) for operand in node.operands]
        runs = self._measured(codes)
        if node.name in OPERATORS:
            run = closures.dispatch(node.name, OPERATORS[node.name], runs)
        else:
            run = closures.apply(_ANY_TYPES[node.name], runs)
        left, right = codes[0], codes[-1]
        if node.name == "{} in {}" and right.constant and type(right.value) is list:
            if all(type(item) is str for item in right.value):
                run = closures.among(runs[0], frozenset(right.value), run)
        elif left.path and right.constant:
            run = self.environment.shortcut(node.name, left.path, right.value, run)
        return self._fold(node, run, codes)

    def _index(self, node: Operator) -> Code:
        """`a["b"]` reads the path `a.b`."""
        container, key = self._compile(node.operands[0]), self.compile(node.operands[1])
        path: tuple[str, ...] = ()
        if container.path and key.constant and type(key.value) is str:
            path = (*container.path, key.value)
        elif container.path:
            self.paths.add(".".join(container.path))
        codes = [container, key]
        return self._fold(node, closures.apply(index, [code.run for code in codes]), codes, path)

    def _call(self, node: Call) -> Code:
        overloads = overloads_of(node)
        args = node.args if node.target is None else (node.target, *node.args)
        codes = [self.compile(arg) for arg in args]
        form = ", ".join(["{}"] * len(node.args))
        form = f"{node.name}({form})" if node.target is None else f"{{}}.{node.name}({form})"
        if node.args and type(codes[-1].value) is str and node.name in CHECKS:
            self._check(node.args[-1].position, CHECKS[node.name](codes[-1].value))
        return self._fold(node, closures.dispatch(form, overloads, self._measured(codes)), codes)

    def _loop(self, node: Loop) -> Code:
        [source] = self._measured([self.compile(node.source)])
        self._locals.append(node.variable)
        slot = len(self._locals)
        self.slots = max(self.slots, slot)
        where = self.compile(node.where or Literal(node.position, True)).run
        body = self.compile(node.body).run
        self._locals.pop()
        turns = loops.Turns(node.macro, source, slot, count(node) - count(node.source))
        match node.macro:
            case "all" | "exists":
                return Code(loops.quantifier(turns, body))
            case "exists_one":
                return Code(loops.exists_one(turns, body))
            case "filter":
                return Code(loops.collect(turns, body, closures.local(slot)))
            case "map":
                return Code(loops.collect(turns, where, body))

    def _measured(self, codes: Iterable[Code]) -> list[Run]:
        inside = bool(self._locals)
        return [
            closures.measured(code.run) if inside and not code.constant else code.run
            for code in codes
        ]

    def _fold(
        self, node: Node, run: Run, codes: Iterable[Code], path: tuple[str, ...] = ()
    ) -> Code:
        if not all(code.constant for code in codes):
            return Code(run, path)
        value = run(None, [])
        self._check(node.position, value)
        return _constant(value)

    def _check(self, position: int, value: Value) -> None:
        if type(value) is Error:
            self.faults.append((position, value))


def _constant(value: Value) -> Code:
    return Code(closures.constant(value), (), True, value)
