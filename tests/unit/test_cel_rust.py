"""Ours against the Rust CEL of the package `common-expression-language`, errors included.

It hands its values over as Python's own, so an unsigned integer comes as int and a type as text:
the comparison takes ours the same way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cel
import pytest
from hypothesis import HealthCheck, given, settings

from tests.unit.cel_differences import ERROR, Difference, explained, row
from tests.unit.cel_expressions import DATA, expressions, ours

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DIFFERENCES = [
    Difference(
        'size("é")',
        ("int", "1"),
        ("int", "2"),
        "sizes are code points, not bytes",
        r"size\((\".*[^\x00-\x7f]|data|x|\(|string|b|dyn|\[)",
    ),
    Difference("-(true)", ERROR, ("bool", "False"), "a bool has no negative", r"-\("),
    Difference('bool("true")', ("bool", "True"), ERROR, "has no bool()", r"bool\("),
    Difference("string(!false)", ("str", "'true'"), ERROR, "has no string(bool)", r"string\(!"),
    Difference(
        "timestamp(0)", ("Timestamp", 0), ERROR, "has no timestamp(int)", r"timestamp\([^\"]"
    ),
    Difference(
        'timestamp("1970-01-01T00:00:00Z").getDate("UTC")',
        ("int", "1"),
        ERROR,
        "takes no zone",
        r'\.get[A-Za-z]+\("',
    ),
    Difference(
        'duration("1s") + timestamp("1970-01-01T00:00:00Z")',
        ("Timestamp", 1_000_000),
        ERROR,
        "adds a duration to a time, not a time to a duration",
        r" \+ .*timestamp",
    ),
    Difference(
        'timestamp("0001-01-01T00:00:00Z") - timestamp("9999-01-01T00:00:00Z")',
        ERROR,
        ("Duration", -315_506_361_600_000_000),
        "a duration ends at an int of nanoseconds, about 292 years",
        r"timestamp.* - .*timestamp",
    ),
    Difference(
        'duration("999999999999999us")',
        ("Duration", 999999999999999),
        ("Duration", 999999999999998),
        "reads durations as doubles, which lose digits",
        r'duration\("-?[0-9]{9,}',
    ),
    Difference(
        "string(1.0e16)",
        ("str", "'1e+16'"),
        ("str", "'10000000000000000'"),
        "writes no exponents",
        r"string\([^)]*(e[-+0-9]|[0-9]{16})",
    ),
    Difference(
        "(1.5 in {})",
        ("bool", "False"),
        ERROR,
        "a double may be looked for among keys",
        r" in (data|\{)",
    ),
    Difference("[7][0.0]", ("int", "7"), ERROR, "a whole double is an index too", r"[\])a-z]\["),
    Difference(
        "0.0 / 0.0 < 1.0",
        ("bool", "False"),
        ERROR,
        "NaN is ordered: neither below nor above",
        r"0\.0 / 0\.0",
    ),
    Difference(
        '[1, "a"].exists(x, size(x) == 1)',
        ("bool", "True"),
        ERROR,
        "exists() is an ||, which hides errors where another item decides; all() an &&",
        r"\.(all|exists)\(x, ",
    ),
    Difference(
        "[1] + {}",
        ERROR,
        [("int", "1")],
        "a list is joined with a list",
        r"(data\.(l|nums|words)|\])\)? \+ ",
    ),
    Difference(
        'string(b"\\xff")',
        ERROR,
        ("str", "'\ufffd'"),
        "bytes that are no UTF-8 are no text",
        r"string\(b",
    ),
    Difference(
        'duration("1.5s").getMilliseconds()',
        ("int", "500"),
        ("int", "1500"),
        "of a duration the part below a second",
        r"duration.*getMilliseconds",
    ),
]


def rust(text: str) -> Any:
    try:
        return plain(cel.evaluate(text, {"data": DATA}))
    except Exception:  # the binding raises ValueError, TypeError, IndexError and others
        return ERROR


def plain(value: Any) -> Any:
    match value:
        case list():
            return [plain(item) for item in value]
        case dict():
            return {repr(key): plain(item) for key, item in value.items()}
        case datetime():
            return ("Timestamp", (value - EPOCH) // timedelta(microseconds=1))
        case timedelta():
            return ("Duration", value // timedelta(microseconds=1))
        case _:
            return (type(value).__name__, repr(value))


def coarse(value: Any) -> Any:
    """Ours, without what the binding leaves out."""
    match value:
        case list():
            return [coarse(item) for item in value]
        case dict():
            return {key.removesuffix("u"): coarse(item) for key, item in value.items()}
        case ("UInt", digits):
            return ("int", digits.removesuffix("u"))
        case ("type", name):
            return ("str", repr(name))
        case _:
            return ERROR if value == "refused" else value


@settings(
    max_examples=1500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(expressions(depth=2))
def test_an_expression_has_the_same_value_or_a_known_difference(text: str) -> None:
    """Always the same ones: the tail of its differences is long."""
    mine, theirs = coarse(ours(text)), rust(text)
    assert mine == theirs or explained(text, theirs, DIFFERENCES)


@pytest.mark.parametrize("known", DIFFERENCES, ids=lambda known: known.text)
def test_where_they_differ(known: Difference) -> None:
    assert (coarse(ours(known.text)), rust(known.text)) == (known.ours, known.theirs), known.why


def test_each_difference_covers_its_own_form() -> None:
    covered = [k.text for k in DIFFERENCES if explained(k.text, k.theirs, [k])]
    assert covered == [k.text for k in DIFFERENCES]


def test_the_docs_show_each_of_them() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "cel.md").read_text("utf-8")
    assert "".join(map(row, DIFFERENCES)) in docs
