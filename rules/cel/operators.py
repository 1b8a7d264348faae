"""The operators, as tables from the types of the operands to what they do.

Source: "Arithmetic Operators", "Ordering" and "Overflow" in cel-spec, doc/langdef.md. A pair of
types that a table lacks is no such overload: bool is no int here, and int and double do not add up.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import TypeAlias

from rules.cel.values import (
    INT_MAX,
    INT_MIN,
    UINT_MAX,
    Duration,
    Error,
    Kind,
    Timestamp,
    UInt,
    Value,
    in_range,
    map_key,
    no_overload,
    to_double,
)

Overloads: TypeAlias = Mapping[tuple[type, ...], Callable[..., Value]]

SIZE_MAX = 1_000_000  # characters, bytes or items of what + joins
TIME_MIN, TIME_MAX = -62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1  # the years 1 to 9999

_OVERFLOW = Error(Kind.OUT_OF_RANGE, "the result is beyond the range of its type")
_TOO_LARGE = Error(Kind.LIMIT, f"+ joins to {SIZE_MAX} characters or items at most")
_BY_ZERO = Error(Kind.DIVIDE_BY_ZERO, "divided by zero")


def to_int(number: int) -> Value:
    return number if INT_MIN <= number <= INT_MAX else _OVERFLOW


def to_uint(number: int) -> Value:
    return UInt(number) if 0 <= number <= UINT_MAX else _OVERFLOW


def to_timestamp(ns: int) -> Value:
    return Timestamp(ns) if TIME_MIN <= ns <= TIME_MAX else _OVERFLOW


def to_duration(ns: int) -> Value:
    return Duration(ns) if INT_MIN <= ns <= INT_MAX else _OVERFLOW


def _join(left: Value, right: Value) -> Value:
    return left + right if len(left) + len(right) <= SIZE_MAX else _TOO_LARGE


def _quotient(left: int, right: int) -> int:
    """Rounded towards zero, where // rounds down."""
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def _divide(left: int, right: int) -> Value:
    return to_int(_quotient(left, right)) if right else _BY_ZERO


def _divide_doubles(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _remainder(left: int, right: int) -> Value:
    """The sign is that of the dividend. The lowest int by -1 overflows, as its quotient does."""
    if not right:
        return _BY_ZERO
    quotient = to_int(_quotient(left, right))
    return quotient if type(quotient) is Error else left - right * quotient


_ADD: Overloads = {
    (int, int): lambda a, b: to_int(a + b),
    (UInt, UInt): lambda a, b: to_uint(int(a) + int(b)),
    (float, float): operator.add,
    (str, str): _join,
    (bytes, bytes): _join,
    (list, list): _join,
    (Timestamp, Duration): lambda a, b: to_timestamp(a.ns + b.ns),
    (Duration, Timestamp): lambda a, b: to_timestamp(a.ns + b.ns),
    (Duration, Duration): lambda a, b: to_duration(a.ns + b.ns),
}
_SUBTRACT: Overloads = {
    (int, int): lambda a, b: to_int(a - b),
    (UInt, UInt): lambda a, b: to_uint(int(a) - int(b)),
    (float, float): operator.sub,
    (Timestamp, Timestamp): lambda a, b: to_duration(a.ns - b.ns),
    (Timestamp, Duration): lambda a, b: to_timestamp(a.ns - b.ns),
    (Duration, Duration): lambda a, b: to_duration(a.ns - b.ns),
}
_MULTIPLY: Overloads = {
    (int, int): lambda a, b: to_int(a * b),
    (UInt, UInt): lambda a, b: to_uint(int(a) * int(b)),
    (float, float): operator.mul,
}
_DIVIDE: Overloads = {
    (int, int): _divide,
    (UInt, UInt): lambda a, b: to_uint(int(a) // int(b)) if b else _BY_ZERO,
    (float, float): _divide_doubles,
}
_MODULO: Overloads = {
    (int, int): _remainder,
    (UInt, UInt): lambda a, b: to_uint(int(a) % int(b)) if b else _BY_ZERO,
}
_NEGATE: Overloads = {(int,): lambda a: to_int(-a), (float,): operator.neg}
_NOT: Overloads = {(bool,): operator.not_}


def _ordering(below: Callable[[Value, Value], bool]) -> Overloads:
    """Two values of an ordered type, or two numbers; an int meets a double as a double."""
    ordered: tuple[type, ...] = (int, UInt, float, str, bytes, bool, Timestamp, Duration)
    table: dict[tuple[type, ...], Callable[..., Value]] = {(k, k): below for k in ordered}
    table[int, UInt] = table[UInt, int] = below
    for kind in (int, UInt):
        table[kind, float] = lambda a, b: below(to_double(a), b)
        table[float, kind] = lambda a, b: below(a, to_double(b))
    return table


def index(container: Value, key: Value) -> Value:
    """`container[key]`: an item of a list from 0, or the value of a map's key.

    >>> index([7, 8], 1.0), index({"a": 1}, "b").text
    (8, 'no such key: "b"')
    """
    kind = type(key)
    if type(container) is list and kind in (int, UInt, float):
        if (kind is float and not key.is_integer()) or not 0 <= key < len(container):
            return Error(Kind.INVALID_ARGUMENT, f"no item {key} in a list of {len(container)}")
        return in_range(container[int(key)])
    if type(container) is dict and kind in (str, int, UInt, bool, float):
        missing = Error(Kind.NO_SUCH_KEY, f"no such key: {show(key)}")
        return in_range(container.get(map_key(key), missing))
    return no_overload("{}[{}]", container, key)


def show(key: Value) -> str:
    """A key as the author would write it, cut where it is long."""
    if type(key) is str:
        return f'"{key[:60]}"'
    return str(key).lower() if type(key) is bool else repr(key)


OPERATORS: dict[str, Overloads] = {
    "{} + {}": _ADD,
    "{} - {}": _SUBTRACT,
    "{} * {}": _MULTIPLY,
    "{} / {}": _DIVIDE,
    "{} % {}": _MODULO,
    "-{}": _NEGATE,
    "!{}": _NOT,
    "{} < {}": _ordering(operator.lt),
    "{} <= {}": _ordering(operator.le),
    "{} > {}": _ordering(operator.gt),
    "{} >= {}": _ordering(operator.ge),
}
