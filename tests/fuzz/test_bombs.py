"""Small inputs that would cost much, and large ones: each within a bound of time and memory."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from rules.cel.errors import ConditionError
from rules.cel.program import compile_cel
from tests.fuzz.targets import CONTROL_KEYS, TARGETS

CPU_S_MAX = 3.0
MEGABYTE = 10**6
FACTOR_MAX = 24  # bytes of memory for one of input, beside what is always granted
GRANTED = 60 * MEGABYTE
LARGE = 10 * MEGABYTE
TICK = bytes([CONTROL_KEYS.index(b"\x00tick")])


def event(**data: Any) -> bytes:
    whole = {"specversion": "1.0", "id": "1", "source": "//s", "type": "a.b", "subject": "acme",
             "time": "2026-03-02T09:00:00Z", "data": data}  # fmt: skip
    return json.dumps(whole).encode()


def rule(where: str) -> bytes:
    return json.dumps({"kind": "signal", "on": {"type": "a.b", "where": where}}).encode()


def laughs(levels: int = 20) -> bytes:
    """A billion laughs: each alias is ten of the one before."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def nested(depth: int, opening: bytes, closing: bytes, core: bytes = b"1") -> bytes:
    return opening * depth + core + closing * depth


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a long string": ("structured", lambda: event(text="a" * LARGE)),
    "escapes alone": ("structured", lambda: event(text="\0" * (LARGE // 6))),
    "many fields": ("structured", lambda: event(**{str(n): 0 for n in range(500_000)})),
    "many empty lists": ("structured", lambda: event(lists=[[]] * 1_000_000)),
    "the same key again and again": (
        "structured", lambda: b'{"data":{' + b'"a":[],' * 500_000 + b'"a":1}}'),
    "deep lists": ("structured", lambda: event().replace(b"{}", nested(10**6, b"[", b"]"))),
    "deep objects": ("structured", lambda: nested(10**6, b'{"a":', b"}")),
    "deep and unclosed": ("structured", lambda: b"[" * LARGE),
    "a number of a million digits": ("structured", lambda: b'{"data":{"n":' + b"9" * 10**6 + b"}}"),
    "a float of a million digits": (
        "structured", lambda: event().replace(b"{}", b'{"n":0.' + b"1" * 10**6 + b"}")),
    "a huge exponent": ("structured", lambda: event(n="N").replace(b'"N"', b"1e" + b"9" * 10**6)),
    "a long header": ("binary", lambda: b"ce_id: " + b"i" * LARGE + b"\n\n{}"),
    "many headers": ("binary", lambda: b"ce_a: b\n" * 200_000 + b"\n{}"),
    "a deep body": ("binary", lambda: b"ce_id: 1\n\n" + b"[" * LARGE),
    "a deep control record": ("control", lambda: TICK + nested(10**6, b"[", b"]")),
    "a clock of a million digits": (
        "control", lambda: TICK + b'{"v":1,"clock_ms":' + b"9" * 10**6 + b"}"),
    "a billion laughs": ("yaml", laughs),
    "deep flow lists": ("yaml", lambda: nested(100_000, b"[", b"]")),
    "deep flow maps": ("yaml", lambda: nested(60_000, b"{a: ", b"}")),
    "deep blocks": ("yaml", lambda: b"\n".join(b" " * n + b"a:" for n in range(600))),
    "a complex key in a complex key": ("yaml", lambda: b"? " * 90_000),
    "a long plain scalar": ("yaml", lambda: b"a: " + b"b" * LARGE),
    "many documents": ("yaml", lambda: b"---\n" * 50_000),
    "many faults": ("yaml", lambda: b"a: &x *y\n" * 20_000),
    "a number of many digits": ("yaml", lambda: b"a: " + b"9" * 190_000),
    "a wide rule": ("rule", lambda: json.dumps({str(n): n for n in range(10_000)}).encode()),
    "a regular expression that multiplies": (
        "rule", lambda: rule(f'data.x.matches("{"(" * 20}a{"){1,30}" * 20}")')),
    "content of a rule set, deep": ("content", lambda: b'{"v":1,"rules":' + b"[" * LARGE),
    "content with a huge int": ("content", lambda: b'{"v":' + b"9" * 10**6 + b"}"),
    "an account that claims to be long": ("account", lambda: b"\x01\xdd\xff\xff\xff\xff"),
    "an account of a deep tree": ("account", lambda: b"\x01" + b"\x91" * LARGE),
    "a position of a deep tree": ("position", lambda: b"\x81\xa1v" + b"\x91" * LARGE),
    "a long signature": ("signature", lambda: b"1." + b"k" * LARGE),
    "a long dead letter": ("letters", lambda: b"\x1b" * LARGE + b"\n" + b"\x1b" * LARGE),
    "a deep note": ("letters", lambda: b"\n" + b'{"replayed":' + b"[" * LARGE),
    "an alert before all time": ("letters", lambda: b"\n" + json.dumps({
        "account": "acme", "state": "firing", "step": "due", "severity": "error", "why": "",
        "rule": {"id": "r"}, "occurred_at": "0001-01-01T00:00:00+23:59"}).encode()),
    "a deep alert": ("alert", lambda: b'{"evidence":' + b"[" * LARGE),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little(bomb: str) -> None:
    target, make = BOMBS[bomb]
    data = make()
    gc.freeze()  # or each collection would look at all that the other tests have left
    try:
        began_s = time.process_time()
        TARGETS[target].check(data)
        spent_s = time.process_time() - began_s
    finally:
        gc.unfreeze()
    assert spent_s < CPU_S_MAX
    tracemalloc.start()
    try:
        TARGETS[target].check(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < GRANTED + FACTOR_MAX * len(data)


LIST = "[" + ",".join(["1"] * 900) + "]"
EXPLOSIVE = {
    "loops in loops": "xs.all(a, xs.all(b, xs.all(c, xs.all(d, a + b + c + d >= 0))))",
    "lists of lists of lists": "xs.map(a, xs.map(b, xs.map(c, xs)))",
    "a text that doubles": "xs.map(x, s + s + s + s)" + ".map(y, y + y + y + y)" * 6,
    "a list that doubles": "[" + "xs + " * 1_000 + "xs].map(l, l + l + l + l).map(l, l + l)",
    "regular expressions in a loop": 'xs.map(x, s.matches("(a|a)*(a|a)*b"))',
    "comparing lists in a loop": f"xs.all(a, {LIST} == {LIST})",
    "searching a text in a loop": "xs.all(x, s.contains(s + s))",
    "membership in a loop": "xs.all(x, !(-1 in xs))",
    "many parentheses": "(" * 5_000 + "1" + ")" * 4_999,
    "many minus signs": "-" * 9_000 + "1",
    "many conditions": " && ".join(["s == s"] * 1_000),
    "a ladder of choices": "true ? 1 : " * 800 + "2",
    "powers": "9223372036854775807 * " * 400 + "1",
    "a long number": "9" * 9_900,
    "a float beyond all": "1e" + "9" * 9_900,
}


@pytest.mark.parametrize("name", EXPLOSIVE)
def test_an_expression_that_is_built_to_explode(name: str) -> None:
    """Over 10,000 items and a text of 100,000 characters, as a large event may bring them."""
    bindings = {"xs": list(range(10_000)), "s": "a" * 100_000}
    began_s = time.process_time()
    tracemalloc.start()
    try:
        with suppress(ConditionError):
            compile_cel(EXPLOSIVE[name], list(bindings)).run(bindings, [])
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.process_time() - began_s < CPU_S_MAX
    assert peak < 4 * GRANTED
