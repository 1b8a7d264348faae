"""The language, section by section of its specification (cel-spec, doc/langdef.md)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rules.cel.equality import PARTS_MAX
from rules.cel.errors import CelError
from rules.cel.loops import FUEL
from rules.cel.operators import SIZE_MAX
from rules.cel.program import compile_cel
from rules.cel.values import BoolKey, Kind, UInt


def value(text: str, **bindings: Any) -> Any:
    return compile_cel(text, bindings).evaluate(bindings)


def kind(text: str, **bindings: Any) -> Kind:
    """Why the expression has no value."""
    with pytest.raises(CelError) as caught:
        value(text, **bindings)
    return caught.value.error.kind


def true(*texts: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("text", texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x1f", 31),
        ("-0x10", -16),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615u", UInt(2**64 - 1)),
        ("0xFFU", UInt(255)),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2.5E-1", 0.25),
        ("null", None),
        ("true", True),
        (r"'a\'b\"c\\\?\`'", "a'b\"c\\?`"),
        (r"'\a\b\f\n\r\t\v'", "\a\b\f\n\r\t\v"),
        (r"'\x41\X42\103\u00e9\U0001F600'", "ABCé😀"),
        (r"r'\n\d'", r"\n\d"),
        ('R"a\\"', "a\\"),
        ("'''it's\n\"here\"'''", 'it\'s\n"here"'),
        (r'"""a\tb"c"""', 'a\tb"c'),
        ("r'''\\''\n'''", "\\''\n"),
        (r"b'\xff\377é'", b"\xff\xff\xc3\xa9"),
        (r"br'\x'", rb"\x"),
        ('B"""\n"""', b"\n"),
        ("''", ""),
        ('""""""', ""),
        ("[1, 'a', [],]", [1, "a", []]),
        ("{'a': 1, 2: 'b', 3u: null, true: [],}", {"a": 1, 2: "b", 3: None, BoolKey.TRUE: []}),
        ("[,]", []),
        ("{}", {}),
    ],
)
def test_literals(text: str, expected: Any) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 2 % 3", 5),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("--3", 3),
        ("-(-3)", 3),
        ("1-1", 0),
        ("7u / 2u", UInt(3)),
        ("2u - 1u", UInt(1)),
        ("7.0 / 2.0", 3.5),
        ("1.0 / 0.0", math.inf),
        ("-1.0 / 0.0", -math.inf),
        ("1.0 / -0.0", -math.inf),
        ("1e308 * 10.0", math.inf),
        ("'ab' + 'é'", "abé"),
        ("b'a' + b'b'", b"ab"),
        ("[1] + [] + ['a']", [1, "a"]),
        ("true ? 1 : 2", 1),
        ("false ? 1 : true ? 2 : 3", 2),
        ("[7, 8][1]", 8),
        ("[7, 8][1u]", 8),
        ("[7, 8][1.0]", 8),
        ("{'a': {'b': 5}}.a.b", 5),
        ("{'a': 1}['a']", 1),
        ("{1: 'i'}[1u] + {1u: 'u'}[1] + {1: 'd'}[1.0]", "iud"),
        ("{true: 't', 1: 'i'}[true]", "t"),
        ("{'content-type': 1}.`content-type`", 1),
        ("{'if': 1}.if", 1),
    ],
)
def test_operators(text: str, expected: Any) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected)


def test_zero_by_zero_is_no_number() -> None:
    assert math.isnan(value("0.0 / 0.0"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9223372036854775807 + 1", Kind.OUT_OF_RANGE),
        ("-9223372036854775808 - 1", Kind.OUT_OF_RANGE),
        ("5000000000 * 5000000000", Kind.OUT_OF_RANGE),
        ("-(-9223372036854775808)", Kind.OUT_OF_RANGE),
        ("-9223372036854775808 / -1", Kind.OUT_OF_RANGE),
        ("-9223372036854775808 % -1", Kind.OUT_OF_RANGE),
        ("18446744073709551615u + 1u", Kind.OUT_OF_RANGE),
        ("0u - 1u", Kind.OUT_OF_RANGE),
        ("1 / 0", Kind.DIVIDE_BY_ZERO),
        ("1 % 0", Kind.DIVIDE_BY_ZERO),
        ("1u / 0u", Kind.DIVIDE_BY_ZERO),
        ("1u % 0u", Kind.DIVIDE_BY_ZERO),
        ("1 + 1.0", Kind.NO_SUCH_OVERLOAD),
        ("1 + 1u", Kind.NO_SUCH_OVERLOAD),
        ("1 + true", Kind.NO_SUCH_OVERLOAD),
        ("5.0 % 2.0", Kind.NO_SUCH_OVERLOAD),
        ("'a' + 1", Kind.NO_SUCH_OVERLOAD),
        ("-1u", Kind.NO_SUCH_OVERLOAD),
        ("-true", Kind.NO_SUCH_OVERLOAD),
        ("!1", Kind.NO_SUCH_OVERLOAD),
        ("null + null", Kind.NO_SUCH_OVERLOAD),
        ("1 ? 2 : 3", Kind.NO_SUCH_OVERLOAD),
        ("{} + {}", Kind.NO_SUCH_OVERLOAD),
        ("[1][1]", Kind.INVALID_ARGUMENT),
        ("[1][-1]", Kind.INVALID_ARGUMENT),
        ("[1][0.5]", Kind.INVALID_ARGUMENT),
        ("[1][true]", Kind.NO_SUCH_OVERLOAD),
        ("'abc'[0]", Kind.NO_SUCH_OVERLOAD),
        ("{'a': 1}.b", Kind.NO_SUCH_KEY),
        ("{1: 1}[true]", Kind.NO_SUCH_KEY),
        ("{1: 1}[1.5]", Kind.NO_SUCH_KEY),
        ("{1: 1}[null]", Kind.NO_SUCH_OVERLOAD),
        ("1.a", Kind.NO_SUCH_OVERLOAD),
        ("{1.5: 1}", Kind.NO_SUCH_OVERLOAD),
        ("{1: 1, 1u: 2}", Kind.INVALID_ARGUMENT),
        ("[1, 1 / 0]", Kind.DIVIDE_BY_ZERO),
        ("{'a': 1 / 0}", Kind.DIVIDE_BY_ZERO),
    ],
)
def test_operators_without_a_value(text: str, expected: Kind) -> None:
    assert kind(text) == expected


@true(
    "1 == 1u && 1u == 1.0 && 1.0 == 1",
    "9223372036854775807 == 9223372036854775808.0",  # an int meets a double as a double
    "!(9223372036854775807 < 9223372036854775808.0)",
    "9007199254740993 == 9007199254740992.0",
    "18446744073709551615u > 9223372036854775807",
    "-1 < 0u",
    "true != 1 && false != 0 && true != 1.0",
    "'1' != 1 && null != 0 && null != false && [] != {}",
    "0.0 / 0.0 != 0.0 / 0.0 && [0.0 / 0.0] != [0.0 / 0.0]",
    "!(0.0 / 0.0 < 1.0) && !(0.0 / 0.0 >= 1.0)",
    "[1, [2, {'a': 3u}]] == [1.0, [2u, {'a': 3}]]",
    "[1] != [true] && [1, 2] != [1] && {1: 1} != {true: 1}",
    "{1: 'a', 2u: 'b'} == {2: 'b', 1u: 'a'} && {'a': 1} != {'b': 1} && {'a': 1} != {'a': 2}",
    "type(1) == int && type(1u) == uint && type(type(1)) == type && type(null) == null_type",
    "false < true && 'a' < 'ab' && 'Z' < 'a' && 'z' < 'é' && '\\uffff' < '😀' && b'a' < b'b'",
    "1 in [3, 2, 1.0] && !(true in [1]) && 'a' in {'a': 1} && 1.0 in {1: 2} && !(1.5 in {1: 2})",
    "'b' in ['a', 'b'] && !('c' in ['a', 'b']) && !(1 in ['a', 'b'])",
    "[1] in [[1.0]] && !(1 in []) && {'a': 1} in [{'a': 1u}]",
)
def test_equality_and_order(text: str) -> None:
    assert value(text) is True


@pytest.mark.parametrize(
    "text", ["'a' < 1", "true < 1", "null < null", "[1] < [2]", "{} < {}", "1 in 1", "'a' in 'ab'"]
)
def test_what_has_no_order_and_holds_nothing(text: str) -> None:
    assert kind(text) == Kind.NO_SUCH_OVERLOAD


@pytest.mark.parametrize("error", ["1 / 0 > 0", "{}.a", "'text'", "1"])
def test_a_term_that_decides_hides_the_errors_of_the_others(error: str) -> None:
    for decisive, operator in (("false", "&&"), ("true", "||")):
        for terms in ([error, decisive], [decisive, error], [error, error, decisive, error]):
            assert value(f" {operator} ".join(terms)) is (decisive == "true")
    for text in (f"true && {error}", f"{error} || false", f"false || {error} || false"):
        with pytest.raises(CelError):
            value(text)


@true(
    "has({'a': null}.a) && !has({'a': 1}.b) && !has({}.a)",
    "[1, 2].all(x, x > 0) && ![1, 0].all(x, x > 0) && [].all(x, false)",
    "[1, 2].exists(x, x == 2) && ![1].exists(x, x == 2) && ![].exists(x, true)",
    "[1, 2].exists_one(x, x > 1) && ![2, 3].exists_one(x, x > 1) && ![].exists_one(x, true)",
    "[1, 2, 3].filter(x, x > 1) == [2, 3]",
    "[1, 2].map(x, x * x) == [1, 4]",
    "[1, 2, 3].map(x, x > 1, x * 10) == [20, 30]",
    "{'a': 1, 'b': 2}.map(k, k) == ['a', 'b'] && {'a': 1}.all(k, k == 'a')",
    "{true: 1}.exists(k, k == true) && {1u: 1}.map(k, type(k)) == [uint]",
    "{'a': 1, 'b': 2}.filter(k, {'a': 1, 'b': 2}[k] > 1) == ['b']",
    "[0, 1].exists(x, 1 / x == 1) && ![0, 1].all(x, 1 / x > 1)",  # what decides hides the error
    "[[1, 2], [3]].all(xs, xs.exists(x, x > 1)) && [1].exists(x, [2].exists(y, y > x))",
    "[1].map(x, [2].map(x, x)[0] + x) == [3]",  # the inner x hides the outer one, for its loop
    "[1, 2].map(x, [x].map(y, [x, y])) == [[[1, 1]], [[2, 2]]]",
)
def test_macros(text: str) -> None:
    assert value(text) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[0].all(x, 1 / x > 0)", Kind.DIVIDE_BY_ZERO),
        ("[1].exists(x, x)", Kind.NO_SUCH_OVERLOAD),
        ("[2, 1, 0].exists_one(x, 2 / x == 2)", Kind.DIVIDE_BY_ZERO),
        ("[1, 0].filter(x, 1 / x > 0)", Kind.DIVIDE_BY_ZERO),
        ("[1].filter(x, x)", Kind.NO_SUCH_OVERLOAD),
        ("[1, 0].map(x, 1 / x)", Kind.DIVIDE_BY_ZERO),
        ("[1].map(x, x, x)", Kind.NO_SUCH_OVERLOAD),
        ("1.map(x, x)", Kind.NO_SUCH_OVERLOAD),
        ("'ab'.all(x, true)", Kind.NO_SUCH_OVERLOAD),
        ("{}.a.all(x, true)", Kind.NO_SUCH_KEY),
        ("has({}.a.b)", Kind.NO_SUCH_KEY),
        ("has(1.a)", Kind.NO_SUCH_OVERLOAD),
    ],
)
def test_macros_without_a_value(text: str, expected: Kind) -> None:
    assert kind(text) == expected


def test_names() -> None:
    assert value("[2].exists(x, .x == 1 && x == 2)", x=1) is True
    assert value("a.b.c + a.b", **{"a.b": 1, "a.b.c": 2}) == 3
    assert value("a.b.c", **{"a.b": {"c": 5}}) == 5
    assert value("[{'b': 1}].exists(a, a.b == 1)", **{"a.b": 2}) is True
    assert value("type(int) == int", int=1) is False
    assert value("int('1') + int", int=1) == 2
    assert value("google.protobuf.Duration == type(duration('1s'))") is True
    with pytest.raises(CelError, match="nothing is bound to x"):
        compile_cel("x", ["x"]).evaluate({})


def test_data_as_json_has_it() -> None:
    """A whole number beyond 64 bits is a double, wherever it is read."""
    huge = {"n": 2**70, "list": [10**400], "k": {"n": -(2**64)}}
    assert value("d.n == 1180591620717411303424.0 && type(d.n) == double", d=huge) is True
    assert value("d.list[0] == 1.0 / 0.0 && d.list.all(x, x > 1.0)", d=huge) is True
    assert value("d.k['n'] < 0 && d.k['n'] + 1.0 < 0.0", d=huge) is True


def test_work_has_a_bound() -> None:
    many = list(range(FUEL // 4 + 1))
    assert value("many.exists(x, x == -1)", many=many[: FUEL // 5]) is False
    assert kind("many.exists(x, x == -1)", many=many) == Kind.LIMIT
    assert kind("a.all(x, a.all(y, a.all(z, x + y + z < 0 || true)))", a=many[:99]) == Kind.LIMIT
    assert kind("a.exists(x, b.contains(x))", a=["-"] * 99, b="a" * 10**6) == Kind.LIMIT
    doubling = "['ab']" + ".map(x, x + x)" * 40
    assert kind(doubling) == Kind.LIMIT
    assert kind("a + a", a="a" * SIZE_MAX) == Kind.LIMIT
    assert value("a == b", a=many[: PARTS_MAX - 1], b=many[: PARTS_MAX - 1]) is True
    assert kind("a == b", a=many[: PARTS_MAX + 1], b=many[: PARTS_MAX + 1]) == Kind.LIMIT


def test_data_may_be_deep() -> None:
    one: list[Any] = []
    two: list[Any] = []
    for _ in range(5_000):
        one, two = [one], [two]
    assert value("one == two", one=one, two=two) is True
