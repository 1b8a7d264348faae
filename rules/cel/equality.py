"""`==`, `!=` and `in`: equality across types, deep in lists and maps.

Source: "Equality" in cel-spec, doc/langdef.md. Numbers of different types are equal when neither
is below the other; values of other types that differ are unequal, never an error.
"""

from __future__ import annotations

from rules.cel.values import (
    Duration,
    Error,
    Kind,
    Timestamp,
    Type,
    UInt,
    Value,
    map_key,
    no_overload,
    to_double,
)

PARTS_MAX = 10_000  # parts of lists and maps compared by one ==

_NUMBERS = frozenset((int, UInt, float))
_PLAIN = _NUMBERS | {str, bytes, bool, type(None), Timestamp, Duration, Type}
_TOO_LARGE = Error(Kind.LIMIT, f"== looks at {PARTS_MAX} parts of a value at most")


def equals(left: Value, right: Value) -> Value:
    """True or False, an error if an operand is one.

    >>> equals(1, 1.0), equals(1, True), equals([1, {"a": 2}], [1.0, {"a": 2}])
    (True, False, True)
    """
    kind, other = type(left), type(right)
    if kind is other and kind in _PLAIN:
        return left == right
    if kind in _NUMBERS and other in _NUMBERS:
        if kind is float or other is float:
            return to_double(left) == to_double(right)
        return int(left) == int(right)
    if kind is other and (kind is list or kind is dict):
        return _equal_parts(left, right)
    if kind is Error:
        return left
    return right if other is Error else False


def differs(left: Value, right: Value) -> Value:
    """The negation of `equals`.

    >>> differs(float("nan"), float("nan"))
    True
    """
    equal = equals(left, right)
    return equal if type(equal) is Error else not equal


def contains(item: Value, container: Value) -> Value:
    """`item in container`: among the items of a list, or the keys of a map.

    >>> contains(2.0, [1, 2]), contains("a", {"a": None}), contains("a", "abc").text
    (True, True, 'no such overload: string in string')
    """
    kind = type(container)
    if type(item) is not Error:
        if kind is list:
            return _among(item, container)
        if kind is dict and type(item) in (str, int, UInt, bool, float):
            return map_key(item) in container
    return no_overload("{} in {}", item, container)


def _among(item: Value, items: list[Value]) -> Value:
    for other in items:
        equal = equals(item, other)
        if equal is not False:
            return equal
    return False


def _equal_parts(left: Value, right: Value) -> Value:
    """Lists or maps, compared without recursion and with a bound: data may be deep, and wide."""
    pairs = [(left, right)]
    for one, two in pairs:  # the list grows while it is read
        kind = type(one)
        if kind is not type(two) or (kind is not list and kind is not dict):
            if not equals(one, two):
                return False
        elif len(one) != len(two):
            return False
        elif len(pairs) + len(one) > PARTS_MAX:
            return _TOO_LARGE
        elif kind is list:
            pairs.extend(zip(one, two, strict=True))
        elif all(key in two for key in one):
            pairs.extend((value, two[key]) for key, value in one.items())
        else:
            return False
    return True
