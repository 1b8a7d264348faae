"""Ours against the Python CEL of the package `cel-python`, errors included.

Where it lets an error of Python out, that counts as its error.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import celpy
import pytest
from celpy import celtypes
from hypothesis import HealthCheck, given, settings

from tests.unit.cel_differences import ERROR, Difference, explained, row
from tests.unit.cel_expressions import DATA, expressions, ours

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BINDINGS = {"data": celpy.json_to_cel(DATA)}


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """It logs each error with a trace, and raises the limit of recursion for everybody."""
    logger = logging.getLogger("celpy")
    level, limit = logger.level, sys.getrecursionlimit()
    logger.setLevel(logging.CRITICAL + 1)
    environment()
    sys.setrecursionlimit(limit)
    yield
    logger.setLevel(level)


@cache
def environment() -> celpy.Environment:
    return celpy.Environment()


DIFFERENCES = [
    Difference(
        "1 == 1u",
        ("bool", "True"),
        ERROR,
        "values of different types compare, as equal or not",
        r" [!=]= | in |\.(all|exists|exists_one|filter)\(x",
    ),
    Difference(
        "1 < 1.5", ("bool", "True"), ERROR, "numbers of different types are ordered", r" [<>]=? "
    ),
    Difference(
        "true < 1.0",
        ERROR,
        ("bool", "False"),
        "a bool is no number",
        r"(true|false|data\.t|data\.no).* [-+*/%<>]=? |[-+*/%<>]=? .*(true|false|data\.t|data\.no)",
    ),
    Difference(
        "true == 1",
        ("bool", "False"),
        ("bool", "True"),
        "the same",
        r"(true|false|data\.t)\)* [!=]= |[!=]= \(*(true|false|data\.t)",
    ),
    Difference(
        "null in {}", ERROR, ("bool", "False"), "what can be no key is not looked for", r" in "
    ),
    Difference(
        "0.0 / 0.0",
        ("float", "nan"),
        ("float", "inf"),
        "IEEE 754: zero by zero is no number, and a sign is kept",
        r" / .*0\.0",
    ),
    Difference(
        "2u + 1",
        ERROR,
        ("UInt", "3u"),
        "arithmetic does not mix types",
        r"[0-9]u\)* [-+*/%] | [-+*/%] \(*-?[0-9]+u|\.\S+ [-+*%] | [-+*%] \S+\.[0-9]",
    ),
    Difference(
        "-(duration('1s'))",
        ERROR,
        ("Duration", -1_000_000),
        "a duration has no negative",
        r"-\(+(duration|timestamp)",
    ),
    Difference("null && true", ERROR, ("NoneType", "None"), "&& and || are of bools", r"&&|\|\|"),
    Difference(
        "[1].all(x, null)",
        ERROR,
        ("NoneType", "None"),
        "so is what all() and exists() ask",
        r"\.(all|exists|exists_one|filter)\(x, [^(]",
    ),
    Difference(
        "has(data.no.k)", ERROR, ("bool", "False"), "has() looks for the last field only", r"has\("
    ),
    Difference("[1, 2][-1]", ERROR, ("int", "2"), "an index below 0 is none", r"[\])a-z]\["),
    Difference("[7][0.0]", ("int", "7"), ERROR, "a whole double is an index too", r"[\])a-z]\["),
    Difference(
        "[1].map(x, true, [x])",
        [[("int", "1")]],
        ERROR,
        "has no map() with a condition",
        r"\.map\(",
    ),
    Difference(
        '{"k": 1 / 0}',
        ERROR,
        {"'k'": ("CELEvalError", "")},
        "an error in a map is the error of the whole",
        r'\{"k"',
    ),
    Difference('b"a"[0]', ERROR, ("int", "97"), "bytes have no index", r"[\])a-z\"]\["),
    Difference(
        "duration('61s').getMilliseconds()",
        ("int", "0"),
        ("int", "61000"),
        "of a duration the part below a second",
        r"duration.*getMilliseconds",
    ),
    Difference(
        "type(([1] + [2]))",
        ("type", "list"),
        ("type", "<class 'list'>"),
        "what it joins and adds loses its type",
        r"type\(\(",
    ),
    Difference(
        "('a' + 'b').contains('b')", ("bool", "True"), ERROR, "the same", r"\)\.[a-zA-Z]+\("
    ),
    Difference("size(null)", ERROR, ("int", "0"), "null has no size", r"(size|bytes)\("),
    Difference('uint("-0")', ERROR, ("UInt", "0u"), "an unsigned number has no sign", r'uint\("-'),
    Difference(
        "string(!false)",
        ("str", "'true'"),
        ("str", "'True'"),
        "booleans are written as in CEL",
        r"string\(!",
    ),
    Difference(
        "string(1.0)",
        ("str", "'1'"),
        ("str", "'1.0'"),
        "as the specification's cases have doubles",
        r"string\(-?[0-9.]+[.e]",
    ),
    Difference(
        "string(int)",
        ERROR,
        ("str", "\"<class 'celpy.celtypes.IntType'>\""),
        "a type has no text",
        r"string\((type|int)",
    ),
    Difference(
        "timestamp(0)", ("Timestamp", 0), ERROR, "has no timestamp(int)", r"timestamp\([^\"]"
    ),
    Difference(
        'timestamp("0001-01-01T00:00:00Z") - timestamp("9999-01-01T00:00:00Z")',
        ERROR,
        ("Duration", -315_506_361_600_000_000),
        "a duration ends at an int of nanoseconds, about 292 years",
        r"timestamp.* - .*timestamp",
    ),
]


def celpy_value(text: str) -> Any:
    try:
        program = environment().program(environment().compile(text))
        return plain(program.evaluate(BINDINGS))
    except Exception:  # beside CELEvalError and CELParseError also TypeError, ValueError and others
        return ERROR


TYPES = {
    celtypes.IntType: "int",
    celtypes.UintType: "uint",
    celtypes.DoubleType: "double",
    celtypes.StringType: "string",
    celtypes.BytesType: "bytes",
    celtypes.BoolType: "bool",
    celtypes.ListType: "list",
    celtypes.MapType: "map",
    celtypes.TypeType: "type",
    type(None): "null_type",
    celtypes.TimestampType: "google.protobuf.Timestamp",
    celtypes.DurationType: "google.protobuf.Duration",
}


def plain(value: Any) -> Any:
    match value:
        case list():
            return [plain(item) for item in value]
        case dict():
            return {plain(key)[1]: plain(item) for key, item in value.items()}
        case datetime():
            return ("Timestamp", (value - EPOCH) // timedelta(microseconds=1))
        case timedelta():
            return ("Duration", value // timedelta(microseconds=1))
        case type():
            return ("type", TYPES.get(value, repr(value)))
    for kind, name, show in SCALARS:
        if isinstance(value, kind):
            return (name, show(value))
    return (type(value).__name__, "" if isinstance(value, celpy.CELEvalError) else repr(value))


SCALARS: list[tuple[type, str, Callable[[Any], str]]] = [
    (celtypes.BoolType, "bool", lambda value: repr(bool(value))),
    (celtypes.UintType, "UInt", lambda value: f"{int(value)}u"),
    (int, "int", lambda value: repr(int(value))),
    (float, "float", lambda value: repr(float(value))),
    (str, "str", lambda value: repr(str(value))),
    (bytes, "bytes", lambda value: repr(bytes(value))),
]


def coarse(value: Any) -> Any:
    return ERROR if value == "refused" else value


@settings(
    max_examples=1500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(expressions(depth=1))
def test_an_expression_has_the_same_value_or_a_known_difference(text: str) -> None:
    """Shallow ones, and always the same: the tail of its differences is long."""
    mine, theirs = coarse(ours(text)), celpy_value(text)
    assert mine == theirs or explained(text, theirs, DIFFERENCES)


@pytest.mark.parametrize("known", DIFFERENCES, ids=lambda known: known.text)
def test_where_they_differ(known: Difference) -> None:
    assert (coarse(ours(known.text)), celpy_value(known.text)) == (known.ours, known.theirs), (
        known.why
    )


def test_each_difference_covers_its_own_form() -> None:
    covered = [k.text for k in DIFFERENCES if explained(k.text, k.theirs, [k])]
    assert covered == [k.text for k in DIFFERENCES]


def test_the_docs_show_each_of_them() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "cel.md").read_text("utf-8")
    assert "".join(map(row, DIFFERENCES)) in docs
