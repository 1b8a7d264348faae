"""The door of the package: text in, a program out that can be evaluated again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.cel.closures import Run
from rules.cel.compiler import Compiler
from rules.cel.errors import CelError
from rules.cel.loops import started
from rules.cel.names import Environment
from rules.cel.parser import parse
from rules.cel.values import Error, Kind, Value


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression.

    run: `run(root, [])` gives its value or an `Error`. paths: the variables and fields that it
    reads, such as `data.page`. faults: constant parts that have no value, and their positions.
    """

    text: str
    run: Run
    paths: frozenset[str]
    faults: tuple[tuple[int, Error], ...]

    def evaluate(self, bindings: Mapping[str, Value]) -> Value:
        """The value, over bindings of CEL values (see `values`). Raises CelError if it has none."""
        value = self.run(bindings, [])
        if type(value) is Error:
            raise CelError(value)
        return value


def compile_program(text: str, environment: Environment) -> Program:
    """Raises ConditionError with the position of the first fault."""
    compiler = Compiler(environment)
    run = compiler.compile(parse(text)).run
    if compiler.slots:
        run = started(run, compiler.slots)
    return Program(text, run, frozenset(compiler.paths), tuple(compiler.faults))


def compile_cel(text: str, variables: Iterable[str]) -> Program:
    """An expression over variables that `evaluate` binds. Raises ConditionError.

    >>> compile_cel("n / 2 + size(names)", ["n", "names"]).evaluate({"n": 7, "names": ["a"]})
    4
    >>> compile_cel("n / 0", ["n"]).evaluate({"n": 7})
    Traceback (most recent call last):
    rules.cel.errors.CelError: divide_by_zero: divided by zero
    """
    return compile_program(text, Environment({name: _binding(name) for name in variables}))


def _binding(name: str) -> Callable[[Any], Value]:
    unbound = Error(Kind.NO_SUCH_KEY, f"nothing is bound to {name}")
    return lambda bindings: bindings.get(name, unbound)
