"""Text that is no expression: what is said, and where; and that nothing worse can happen."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.cel.errors import CelError, ConditionError
from rules.cel.parser import DEPTH_MAX
from rules.cel.program import compile_cel
from rules.cel.tokens import LENGTH_MAX
from rules.condition import compile_condition


def refused(text: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        compile_cel(text, ["a", "b", "data", "x"])
    return caught.value


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "ends too early"),
        ("a +", 3, "ends too early"),
        ("(a", 2, ") is missing"),
        ("[a, b", 5, "] is missing"),
        ("a b", 2, "b does not belong here"),
        ("a = b", 2, "compare with =="),
        ("a & b", 2, "join conditions with &&"),
        ("a and b", 2, "write &&"),
        ("a || not b", 5, "write !"),
        ("a ? b", 5, ": is missing"),
        ("a @ b", 2, "@ does not belong here"),
        ("a + 'text", 4, "this string has no end"),
        ("'line\nbreak'", 0, "this string has no end"),
        ("'ab\\d'", 3, r"\d is no escape sequence"),
        (r"'\400'", 1, "no escape sequence"),
        (r"'\x4'", 1, "no escape sequence"),
        (r"'\ud800'", 1, "no code point"),
        (r"'\U00110000'", 1, "no code point"),
        (r"b'\u00e9'", 2, r"\xff"),
        (r"b'\d'", 2, "br'...'"),
        ("a.`b", 2, "quoted field name"),
        ("9223372036854775808", 0, "beyond the range of int"),
        ("-9223372036854775809", 1, "beyond the range of int"),
        ("18446744073709551616u", 0, "beyond the range of uint"),
        ("9" * 5_000, 0, "beyond the range of int"),
        ("1e999", 0, "beyond the range of double"),
        ("1.", 2, "ends too early"),
        ("1_000", 1, "_000 does not belong here"),
        ("rb'a'", 2, "does not belong here"),
        ("a.in", 2, "the name of a field is missing"),
        ("a.", 2, "the name of a field is missing"),
        ("if", 0, "reserved word"),
        ("in", 0, "in does not belong here"),
        ("-!a", 1, "! does not belong here"),
        ("f(a,)", 4, ") does not belong here"),
        ("[a,,b]", 3, ", does not belong here"),
        ("{a}", 2, ": is missing"),
        ("Message{field: 1}", 7, "messages"),
        ("google.protobuf.Duration{}", 24, "messages"),
        ("a.?b", 2, "use has()"),
        ("a[?b]", 2, "use has()"),
        ("[?a]", 1, "use has()"),
        ("has(a)", 0, "has() takes one field"),
        ("has(a['b'])", 0, "has() takes one field"),
        ("has(has(a.b))", 0, "has() takes one field"),
        ("has(a.b, a.c)", 0, "has() takes one field"),
        ("a.all(x)", 2, "takes the name of a variable"),
        ("a.exists(i, v, i > v)", 2, "takes the name of a variable"),
        ("a.map(a.b, 1)", 8, "plain name of its variable"),
        ("a.filter(.x, true)", 10, "plain name of its variable"),
        ("a.b.exists(1, true)", 11, "plain name of its variable"),
        ("c + 1", 0, "c is not known"),
        ("[1].all(y, y > z)", 15, "z is not known"),
        ("[1].all(y, true) && y", 20, "y is not known"),
        ("a.charAt(1)", 2, "charAt() is not known"),
        ("math.greatest(1, 2)", 5, "greatest() is not known"),
        ("a.b\ud800", 3, "a lone surrogate is no text"),
        ("a \x00", 2, "U+0000 does not belong here"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, position: int, words: str) -> None:
    fault = refused(text)
    assert words in fault.message
    assert fault.position == position


def test_an_expression_has_a_longest_length() -> None:
    longest = "a // " + "-" * (LENGTH_MAX - 5)
    assert compile_cel(longest, ["a"]).evaluate({"a": 1}) == 1
    assert refused(longest + "-").position == LENGTH_MAX


@pytest.mark.parametrize("form", ["({})", "[{}]", "!({})", "f({})", "true ? true : {}", "a[{}]"])
def test_nesting_has_a_bound(form: str) -> None:
    text = "a"
    while len(form.format(text)) <= LENGTH_MAX:
        text = form.format(text)
    assert "nested deeper" in refused(text).message


CHAINS = [f"a{link * 900}" for link in (".b", "[0]", ".map(x, x)", ".size()", " + 1", " < 1")]


@pytest.mark.parametrize("text", [*CHAINS, "!" * 900 + "a", "-" * 900 + "a"])
def test_a_chain_counts_as_nesting(text: str) -> None:
    assert "nested deeper" in refused(text).message


def test_what_the_specification_asks_for_is_within_the_bounds() -> None:
    for text in (
        " || ".join(["a == 0"] * 400),
        " && ".join(["a == 1"] * 400),
        "a == 2 ? 0 : " * 32 + "1",
        " + ".join(["a"] * 60),
        "[[0]]" + "[0]" * 2 + " + " + "(" * 60 + "1" + ")" * 60,
        "[" + "1, " * 1_000 + "]",
        "int(" * 30 + "1" + ")" * 30,
    ):
        compile_cel(text, ["a"]).evaluate({"a": 1})


def test_nothing_runs_out_of_stack_where_little_is_left() -> None:
    """The deepest text there can be, from a caller that is deep in the stack itself."""
    text = "a || a && a < a + a * (" * (DEPTH_MAX - 1) + "a" + ")" * (DEPTH_MAX - 1)

    def deep(levels: int) -> str:
        return deep(levels - 1) if levels else refused(text).message

    assert sys.getrecursionlimit() == 1_000
    assert "nested deeper" in deep(200)


WORDS = [
    *("a", "data", "data.x", "x", "true", "null", "in", "has", "size", "all", "map", "exists"),
    *("(", ")", "[", "]", "{", "}", ",", ".", "?", ":", "!", "-", "+", "*", "/", "%", "<", "=="),
    *("&&", "||", "1", "1u", "2.5", "'s'", "b'\\xff'", "r'\\'", "'", '"', '"""', "\\", "`", " "),
    *("matches", "'('", "timestamp", "duration", "'1h'", "getHours", "type", "0x", "//", "\n"),
]


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join) | st.text(max_size=20))
@example("b")
def test_no_text_does_worse_than_to_be_refused(text: str) -> None:
    place = 0
    try:
        program = compile_cel(text, ["a", "data", "x"])
    except ConditionError as fault:
        place = fault.position
    else:
        with suppress(CelError):
            program.evaluate({"a": [1], "data": {"x": 1}, "x": "s"})
    assert 0 <= place <= len(text)
    with suppress(ConditionError):
        compile_condition(text)
