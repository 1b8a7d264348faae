"""Ours against Google's CEL (its C++ engine, in cel-expr-python): the same text, the same answer.

Expressions are drawn so that most have a value; the ones that have none must have none on both
sides. Where the two are known to differ, the last test names the case and says why.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rules.cel.errors import ConditionError
from rules.cel.parser import parse
from tests.unit.cel_expressions import DATA, expressions, ours

REFERENCE = cel.NewEnv(variables={"data": cel.Type.DYN})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


TOKENS = [
    *("data", " x ", "1", "-1", "2u", "1.5", ".5", "'s'", "b'x'", " null ", "\\", '"', "\n"),
    *("(", ")", "[", "]", "{", "}", ",", ".", "?", ":", "!", "-", " + ", "%", "<", "==", "", ","),
    *(" in ", "&&", "||", "size", "has", ".map(x, x)", "//", " if ", ".if", ".in", ".`a-b`", "0x"),
]
REFUSED_BY_US = (
    "messages",
    "reserved word",  # the other one reads `if {}` as a message of the type `if`
    "takes the name of a variable",
    "takes one field",
    "range of double",
)


def fault(text: str) -> str:
    """What the parser says of it, nothing if it is an expression."""
    try:
        parse(text)
    except ConditionError as error:
        return error.message
    return ""


def reference(text: str) -> Any:
    try:
        expression = REFERENCE.compile(text, disable_check=True)
    except Exception:  # the binding raises RuntimeError and others, by no rule that it states
        return "refused"
    try:
        value = expression.eval(data={"data": DATA})
    except RuntimeError:
        return "error"
    return plain_reference(value)


def plain_reference(result: Any) -> Any:
    value, kind = result.value(), result.type()
    if kind == cel.Type.ERROR:
        return "error"
    if isinstance(value, list):
        return [plain_reference(item) for item in value]
    if isinstance(value, dict):
        return {repr(key): plain_reference(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return ("Timestamp", (value - EPOCH) // timedelta(microseconds=1))
    if isinstance(value, timedelta):
        return ("Duration", value // timedelta(microseconds=1))
    if isinstance(value, cel.Type):
        return ("type", str(result).partition("<")[0])
    if kind == cel.Type.UINT:
        return ("UInt", f"{value}u")
    if isinstance(value, bytearray):
        value = bytes(value)
    return (type(value).__name__, repr(value))


@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(expressions())
def test_an_expression_has_the_same_value(text: str) -> None:
    assert ours(text) == reference(text)


@settings(max_examples=600, deadline=None)
@given(expressions(depth=2), st.integers(0, 80), st.integers(0, 3), st.sampled_from(TOKENS))
def test_a_text_is_an_expression_for_both_or_for_none(
    text: str, place: int, cut: int, token: str
) -> None:
    text = text[:place] + token + text[place + cut :]
    said = fault(text)
    assume(not any(words in said for words in REFUSED_BY_US))
    assert bool(said) == (reference(text) == "refused"), said


@pytest.mark.parametrize(
    ("text", "mine", "theirs", "why"),
    [
        ("!!1", "error", ("int", "1"), "two signs cancel out there before types are looked at"),
        ("int(true)", "error", ("int", "1"), "the specification has no int(bool)"),
        ("int(' 1')", "error", ("int", "1"), "blanks are no part of a number"),
        ("double('0x10')", "error", ("float", "16.0"), "a double is written in decimal"),
        ("1e999", "refused", ("float", "inf"), "a literal out of range is a mistake, as for int"),
        (
            "string(0.0 / 0.0)",
            ("str", "'NaN'"),
            ("str", "'-nan'"),
            "as JSON data conversion has it",
        ),
        ("string(1.0 / 0.0)", ("str", "'Infinity'"), ("str", "'inf'"), "the same"),
        ("string(duration('1.5s'))", ("str", "'1.5s'"), ("str", "'1.500s'"), "no more digits than"),
        (
            "string(timestamp('2026-03-02T09:00:00.5Z'))",
            ("str", "'2026-03-02T09:00:00.5Z'"),
            ("str", "'2026-03-02T09:00:00.500Z'"),
            "it takes, as in cel-go",
        ),
        ("duration('1µs')", ("Duration", 1), "error", "cel-go reads the micro sign"),
        (
            "duration('315576000000s')",
            "error",
            ("Duration", 315_576_000_000_000_000),
            "the specification ends spans at an int of nanoseconds, about 292 years",
        ),
        (
            "timestamp('2026-03-02T09:00:00+0800')",
            "error",
            ("Timestamp", 1_772_413_200_000_000),
            "RFC 3339 has a colon in the offset",
        ),
        (
            "timestamp('2026-03-02T09:00:60Z')",
            "error",
            ("Timestamp", 1_772_442_060_000_000),
            "leap seconds are not kept, so none is read",
        ),
        ("timestamp(0).getHours('')", "error", ("int", "0"), "no name is no zone"),
        ("timestamp(0).getHours('localtime')", "error", ("int", "0"), "that of one machine"),
        ("timestamp(0).getHours('+1:00')", "error", ("int", "1"), "hours have two digits"),
        ("contains('ab', 'b')", "refused", ("bool", "True"), "it is called on a value"),
        ("nothing", "refused", "error", "an unknown name is a mistake, not a missing value"),
        ("nothing || true", "refused", ("bool", "True"), "the same"),
        ("f(1) || true", "refused", ("bool", "True"), "the same, for functions"),
        ("google.protobuf.Int64Value{}", "refused", ("int", "0"), "there are no messages"),
    ],
)
def test_where_they_differ(text: str, mine: Any, theirs: Any, why: str) -> None:
    assert (ours(text), reference(text)) == (mine, theirs), why
