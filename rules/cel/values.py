"""CEL's values as Python values: what every closure takes and returns.

int, double, string, bytes, bool, null, list and map are int, float, str, bytes, bool, None, list
and dict, so that decoded JSON is CEL data as it stands; the other types are the classes below. The
exact `type()` of a value is its CEL type, so that a table of overloads is a dict lookup.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any, NamedTuple, TypeAlias

Value: TypeAlias = Any

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1


class UInt(int):
    """An unsigned 64-bit integer; equal to the same int, and the same key in a map."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}u"


class Timestamp(NamedTuple):
    """ns since 1970-01-01T00:00:00Z."""

    ns: int


class Duration(NamedTuple):
    """ns, in the range of an int."""

    ns: int


class Type(NamedTuple):
    """A type as a value: what `type(x)` gives."""

    name: str


class BoolKey(Enum):
    """A bool as the key of a map: in Python, True would be the same key as 1."""

    FALSE = False
    TRUE = True


class Kind(StrEnum):
    """Why an evaluation failed; the first two are the errors that the specification names."""

    NO_SUCH_OVERLOAD = "no_such_overload"
    NO_SUCH_KEY = "no_such_key"
    OUT_OF_RANGE = "out_of_range"
    DIVIDE_BY_ZERO = "divide_by_zero"
    INVALID_ARGUMENT = "invalid_argument"
    LIMIT = "limit"


class Error(NamedTuple):
    """The value of an expression that has no value."""

    kind: Kind
    text: str


TYPES: dict[type, Type] = {
    int: Type("int"),
    UInt: Type("uint"),
    float: Type("double"),
    str: Type("string"),
    bytes: Type("bytes"),
    bool: Type("bool"),
    type(None): Type("null_type"),
    list: Type("list"),
    dict: Type("map"),
    Timestamp: Type("google.protobuf.Timestamp"),
    Duration: Type("google.protobuf.Duration"),
    Type: Type("type"),
}


def no_overload(form: str, *values: Value) -> Error:
    """The first error among `values` or, if there is none, that `form` takes no such types.

    >>> no_overload("{} + {}", 1, "a").text
    'no such overload: int + string'
    """
    for value in values:
        if type(value) is Error:
            return value
    names = (TYPES[type(v)].name if type(v) in TYPES else type(v).__name__ for v in values)
    return Error(Kind.NO_SUCH_OVERLOAD, f"no such overload: {form.format(*names)}")


def in_range(value: Value) -> Value:
    """A value read from data: an integer of JSON beyond 64 bits is a double.

    >>> in_range(5), in_range(2**70)
    (5, 1.1805916207174113e+21)
    """
    if type(value) is int and not INT_MIN <= value <= INT_MAX:
        return to_double(value)
    return value


def to_double(number: float) -> float:
    """Any number as a double, infinite beyond its range."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def map_key(value: Value) -> Value:
    """A value as it stands in a dict's key, None if it can be no key; a whole double finds an int.

    >>> map_key(True), map_key(2.0), map_key(2.5)
    (<BoolKey.TRUE: True>, 2, None)
    """
    kind = type(value)
    if kind is str or kind is int or kind is UInt:
        return value
    if kind is bool:
        return BoolKey.TRUE if value else BoolKey.FALSE
    if kind is float and value.is_integer():
        return int(value)
    return None


def key_value(key: Value) -> Value:
    """The CEL value of a dict's key: the way back from `map_key`."""
    return key.value if type(key) is BoolKey else key
