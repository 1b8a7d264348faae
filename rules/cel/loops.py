"""The macros that loop, over the items of a list or the keys of a map, with a bound on their work.

Source: "Macros" in cel-spec, doc/langdef.md. All loops of one evaluation share `FUEL` steps; a turn
costs as many as its body has nodes, and an operand in it one for each `SIZE_OF_A_STEP` of its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rules.cel.closures import Run, Scope
from rules.cel.syntax import Macro
from rules.cel.values import Error, Kind, Value, in_range, key_value, no_overload

FUEL = 100_000

_EMPTY = Error(Kind.LIMIT, f"the loops of this expression took more than {FUEL} steps")


def started(run: Run, slots: int) -> Run:
    """An expression with loops, given its scope: the fuel, and `slots` variables."""
    return lambda root, _: run(root, [FUEL, *[None] * slots])


@dataclass(frozen=True, slots=True)
class Turns:
    """A loop: where its values come from, the slot of its variable, the cost of a turn."""

    macro: Macro
    source: Run
    slot: int
    cost: int

    def values(self, root: Any, scope: Scope) -> Value:
        """The list to go through, or an error."""
        source = self.source(root, scope)
        if type(source) is dict:
            return [key_value(key) for key in source]
        return source if type(source) is list else no_overload(f"{{}}.{self.macro}()", source)

    def take(self, scope: Scope, value: Value) -> bool:
        """Begin the turn with this value; False if there is no fuel for it."""
        scope[self.slot] = in_range(value)
        scope[0] -= self.cost
        return bool(scope[0] >= 0)

    def not_bool(self, value: Value) -> Error:
        return no_overload(f"{{}} as a condition of {self.macro}()", value)


def quantifier(turns: Turns, body: Run) -> Run:
    """`all` and `exists`: like `&&` and `||`, a turn that decides hides the errors of others."""
    decisive = turns.macro == "exists"

    def run(root: Any, scope: Scope) -> Value:
        values = turns.values(root, scope)
        if type(values) is Error:
            return values
        failed: Value = None
        for value in values:
            if not turns.take(scope, value):
                return _EMPTY
            answer = body(root, scope)
            if answer is decisive:
                return decisive
            if type(answer) is not bool and failed is None:
                failed = turns.not_bool(answer)
        return not decisive if failed is None else failed

    return run


def exists_one(turns: Turns, body: Run) -> Run:
    """No error is hidden."""

    def run(root: Any, scope: Scope) -> Value:
        values = turns.values(root, scope)
        if type(values) is Error:
            return values
        count = 0
        for value in values:
            if not turns.take(scope, value):
                return _EMPTY
            answer = body(root, scope)
            if type(answer) is not bool:
                return turns.not_bool(answer)
            count += answer
        return count == 1

    return run


def collect(turns: Turns, where: Run, body: Run) -> Run:
    """`map` and `filter`: a list of what `body` gives, for the turns where `where` is true."""

    def run(root: Any, scope: Scope) -> Value:
        values = turns.values(root, scope)
        if type(values) is Error:
            return values
        result = []
        for value in values:
            if not turns.take(scope, value):
                return _EMPTY
            wanted = where(root, scope)
            if wanted is True:
                found = body(root, scope)
                if type(found) is Error:
                    return found
                result.append(found)
            elif wanted is not False:
                return turns.not_bool(wanted)
        return result

    return run
