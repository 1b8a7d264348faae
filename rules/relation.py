"""A condition in CEL over two values, `left` and `right`: what a mismatch asks of its facts."""

from __future__ import annotations

from typing import Any, NamedTuple

from rules.cel.errors import ConditionError
from rules.cel.program import Program, compile_cel
from rules.cel.values import Timestamp, to_double

NAMES = ("left", "right", "left.at", "right.at")


class Relation(NamedTuple):
    """Ask `relation.holds(left, right, left_at, right_at)`."""

    program: Program

    def holds(self, left: Any, right: Any, left_at: int = 0, right_at: int = 0) -> bool:
        """Whether the value is true; an error and a value that is no bool are not.

        left_at, right_at: the times of the facts' events, ms; `left.at` and `right.at` in CEL.
        """
        values = (_bound(left), _bound(right), _instant(left_at), _instant(right_at))
        return self.program.run(dict(zip(NAMES, values, strict=True)), []) is True


def compile_relation(text: str) -> Relation:
    """Raises ConditionError. Every number is bound as a double, since JSON does not tell 72 and
    72.0 apart and CEL does not multiply an int by a double.

    >>> compile_relation("right > left * 1.2").holds(30, 72)
    True
    >>> compile_relation('right.at - left.at > duration("2h")').holds(30, 72, 0, 7_200_001)
    True
    """
    program = compile_cel(text, NAMES)
    for position, error in program.faults:
        raise ConditionError(position, error.text)
    missing = {"left", "right"} - {path.partition(".")[0] for path in program.paths}
    if missing:
        raise ConditionError(0, f"reads no `{min(missing)}`; compare `left` with `right`")
    return Relation(program)


def _bound(value: Any) -> Any:
    return to_double(value) if type(value) in (int, float) else value


def _instant(ms: int) -> Timestamp:
    return Timestamp(ms * 1_000_000)
