"""The functions: those called as `f(x)` and those called on a value, as `x.f()`.

Source: "Standard Environment" in cel-spec, doc/langdef.md. Regular expressions are those of RE2,
run by RE2 itself: the time of a match grows with the text, whatever the pattern.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache

import re2

from rules.cel.operators import Overloads, to_int, to_timestamp, to_uint
from rules.cel.parts import DURATION_PARTS, TIMESTAMP_PARTS, find_zone
from rules.cel.times import (
    SECOND,
    format_duration,
    format_timestamp,
    parse_duration,
    parse_timestamp,
)
from rules.cel.values import TYPES, Duration, Error, Kind, Timestamp, UInt, Value

PATTERN_BYTES_MAX = 1 << 20  # memory of one compiled regular expression

_INTEGER = re.compile(r"[+-]?[0-9]{1,64}")
_UNSIGNED = re.compile(r"\+?[0-9]{1,64}")
_NUMBER = re.compile(
    r"[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|inf(inity)?)|nan", re.IGNORECASE
)
_BOOLS = dict.fromkeys(("1", "t", "true", "True", "TRUE"), True)
_BOOLS |= dict.fromkeys(("0", "f", "false", "False", "FALSE"), False)

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = PATTERN_BYTES_MAX


def _not_a(name: str, text: str) -> Error:
    return Error(Kind.INVALID_ARGUMENT, f'"{text[:60]}" is no {name}')


@lru_cache(maxsize=1_024)
def find_pattern(text: str) -> Value:
    """A compiled regular expression, or an error that says what is wrong with it."""
    try:
        return re2.compile(text, _OPTIONS)
    except (re2.error, UnicodeError) as error:
        return Error(Kind.INVALID_ARGUMENT, f"no regular expression of RE2: {error}")


def _matches(text: str, pattern: str) -> Value:
    found = find_pattern(pattern)
    if type(found) is Error:
        return found
    try:
        return found.search(text) is not None
    except UnicodeError:
        return _not_a("text: it holds a lone surrogate", "")


def _parse_int(text: str) -> Value:
    return to_int(int(text)) if _INTEGER.fullmatch(text) else _not_a("int", text)


def _parse_uint(text: str) -> Value:
    return to_uint(int(text)) if _UNSIGNED.fullmatch(text) else _not_a("uint", text)


def _parse_double(text: str) -> Value:
    return float(text) if _NUMBER.fullmatch(text) else _not_a("double", text)


def _truncate(number: float) -> Value:
    """Towards zero. The ends of the range are out of it: a double cannot tell them from beyond."""
    if not -(2.0**63) < number < 2.0**63:
        return Error(Kind.OUT_OF_RANGE, f"{number} is beyond the range of int")
    return int(number)


def _truncate_unsigned(number: float) -> Value:
    if not 0 <= number < 2.0**64:
        return Error(Kind.OUT_OF_RANGE, f"{number} is beyond the range of uint")
    return UInt(number)


def format_double(number: float) -> str:
    """The shortest digits that read back the same; an exponent below 1e-4 and from 1e6.

    >>> format_double(0.1), format_double(2.0), format_double(1234567.0), format_double(math.inf)
    ('0.1', '2', '1.234567e+06', 'Infinity')
    """
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    digits = repr(number).partition("e")[0].replace(".", "").strip("-0")
    exponential = f"{number:.{max(len(digits) - 1, 0)}e}"
    exponent = int(exponential.partition("e")[2])
    if -4 <= exponent < 6:
        return f"{number:.{max(len(digits) - 1 - exponent, 0)}f}"
    return exponential


def _encode(text: str) -> Value:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _not_a("text: it holds a lone surrogate", "")


def _decode(octets: bytes) -> Value:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return Error(Kind.INVALID_ARGUMENT, "these bytes are no UTF-8")


def _same(value: Value) -> Value:
    return value


_SIZE: Overloads = {(kind,): len for kind in (str, bytes, list, dict)}

FUNCTIONS: dict[str, Overloads] = {
    "size": _SIZE,
    "matches": {(str, str): _matches},
    "type": {(kind,): lambda value: TYPES[type(value)] for kind in TYPES},
    "dyn": {(kind,): _same for kind in TYPES},
    "bool": {(bool,): _same, (str,): lambda text: _BOOLS.get(text, _not_a("bool", text))},
    "int": {
        (int,): _same,
        (UInt,): lambda number: to_int(int(number)),
        (float,): _truncate,
        (str,): _parse_int,
        (Timestamp,): lambda time: time.ns // SECOND,
    },
    "uint": {(UInt,): _same, (int,): to_uint, (float,): _truncate_unsigned, (str,): _parse_uint},
    "double": {(float,): _same, (int,): float, (UInt,): float, (str,): _parse_double},
    "string": {
        (str,): _same,
        (bool,): lambda value: str(value).lower(),
        (int,): str,
        (UInt,): lambda number: str(int(number)),
        (float,): format_double,
        (bytes,): _decode,
        (Timestamp,): format_timestamp,
        (Duration,): format_duration,
    },
    "bytes": {(bytes,): _same, (str,): _encode},
    "timestamp": {
        (Timestamp,): _same,
        (str,): parse_timestamp,
        (int,): lambda seconds: to_timestamp(seconds * SECOND),
    },
    "duration": {(Duration,): _same, (str,): parse_duration},
}

METHODS: dict[str, Overloads] = {
    "size": _SIZE,
    "matches": FUNCTIONS["matches"],
    "contains": {(str, str): lambda text, part: part in text},
    "startsWith": {(str, str): str.startswith},
    "endsWith": {(str, str): str.endswith},
    **{
        name: {(Timestamp,): get, (Timestamp, str): get}
        | ({(Duration,): DURATION_PARTS[name]} if name in DURATION_PARTS else {})
        for name, get in TIMESTAMP_PARTS.items()
    },
}

# What a constant last argument must be, where the text alone tells.
CHECKS: dict[str, Callable[[Value], Value]] = {
    "matches": find_pattern,
    **dict.fromkeys(TIMESTAMP_PARTS, find_zone),
}
