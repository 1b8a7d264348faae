"""Random expressions of CEL over one map of data, and what ours says of them.

What the comparisons with other implementations share (test_cel_reference, test_cel_packages).
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from rules.cel.errors import CelError, ConditionError
from rules.cel.program import compile_cel
from rules.cel.values import Duration, Timestamp, Type, key_value

DATA: dict[str, Any] = {
    "i": 7,
    "big": 2**53 + 1,
    "d": 2.5,
    "whole": 7.0,
    "s": "competitor-compare",
    "e": "",
    "t": True,
    "none": None,
    "l": [1, 2.0, "x", True, None, [3]],
    "nums": [3, 1, 2],
    "words": ["budget", "price", "Größe"],
    "m": {"k": 1, "x": {"y": "deep"}},
}

EDGES = st.sampled_from([2**53, 2**53 + 1, 2**63 - 1]) | st.integers(0, 2**63 - 1)
INTS = st.integers(0, 9) | st.integers(0, 9) | st.integers(0, 10**6) | EDGES
TEXTS = st.text(st.sampled_from("abxyz.éß😀 \"'\\\n\t"), max_size=4)


def quoted(text: str) -> str:
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\x09")):
        text = text.replace(character, escape)
    return f'"{text}"'


def one_of(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


# Expressions that hold no other, by the type of their value.
LEAVES: dict[str, st.SearchStrategy[str]] = {
    "bool": one_of("true", "false", "data.t"),
    "int": INTS.map(str) | INTS.map("-{}".format) | INTS.map(hex)
    | one_of("data.i", "data.big", "data.l[0]", "data.m.k"),
    "uint": INTS.map("{}u".format),
    "double": st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | one_of("data.d", "data.whole", "(0.0 / 0.0)", "1.0", "3.0"),
    "string": TEXTS.map(quoted) | one_of("data.s", "data.e", "data.words[2]", "data.m.x.y"),
    "bytes": st.binary(max_size=3).map(lambda b: f'b"{"".join(f"{chr(92)}x{n:02x}" for n in b)}"'),
    "time": st.builds("timestamp(\"{:04}-{:02}-{:02}T{:02}:{:02}:59.{:06}Z\")".format,
        st.integers(2, 9998), st.integers(1, 12), st.integers(1, 28), st.integers(0, 23),
        st.integers(0, 59), st.integers(0, 999_999)),
    "span": st.integers(-(10**15), 10**15).map('duration("{}us")'.format),
    "list": one_of("data.l", "data.nums", "data.words", "[]"),
    "map": one_of("data.m", "data.m.x", "{}", "data"),
    "other": one_of("data.none", "data.no", "data.no.no", "null", "int", "type(data.l)"),
    "literal": INTS.map(str) | INTS.map("-{}".format) | INTS.map("{}u".format)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "digits": INTS.map('"{}"'.format) | INTS.map('"-{}"'.format),
    "zone": one_of('"UTC"', '"Asia/Shanghai"', '"America/St_Johns"', '"+05:45"', '"-02:30"'),
    "part": one_of("FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear")
    | one_of("Hours", "Minutes", "Seconds", "Milliseconds"),
}  # fmt: skip

# Those that do, two blanks between them, with <type> where one goes. x is the variable of a loop.
FORMS = {
    "bool": """
        (<number> < <number>)  (<number> >= <number>)  (<number> == <number>)  (<any> == <any>)
        (<any> != <any>)  (<string> <= <string>)  (<bytes> > <bytes>)  (<time> < <time>)
        (<span> > <span>)  (<any> < <any>)  (<any> in <list>)  (<string> in <map>)  (<any> in <map>)
        (<bool> && <bool>)  (<bool> || <bool>)  (<any> && <bool> && <any>)  (<any> || <bool>)
        (!(<bool>))  has(<map>.k)  <string>.contains(<string>)  <string>.startsWith(<string>)
        <string>.endsWith(<string>)  <string>.matches(<string>)  bool("True")
        <list>.all(x, <about>)  <list>.exists(x, <about>)  <list>.exists_one(x, <about>)
        <map>.all(x, <about>)  <map>.exists(x, <about>)  <map>.exists_one(x, <about>)""",
    "about": """
        <bool>  (x == <any>)  (x > <number>)  (size(x) > <int>)  (<bool> && x > 1)  (x in <list>)
        (x != 1 || <bool>)""",
    "int": """
        (<int> + <int>)  (<int> - <int>)  (<int> * <int>)  (<int> / <int>)  (<int> % <int>)
        (-(<int>))  size(<string>)  size(<list>)  size(<map>)  size(<bytes>)  <list>[<number>]
        int(<literal>)  int(<digits>)  int(timestamp(<int>))
        <time>.get<part>()  <time>.get<part>(<zone>)  <span>.get<part>()""",
    "uint": """
        (<uint> + <uint>)  (<uint> - <uint>)  (<uint> * <uint>)  (<uint> / <uint>)
        (<uint> % <uint>)  uint(<literal>)  uint(<digits>)""",
    "double": """
        (<double> + <double>)  (<double> - <double>)  (<double> * <double>)  (<double> / <double>)
        (-(<double>))  double(<literal>)  double(<digits>)""",
    "string": """
        (<string> + <string>)  string(<literal>)  string(bytes(<string>))  string(!(<bool>))
        string(size(<any>))  string(type(<any>))  (<bool> ? <string> : <any>)""",
    "bytes": "(<bytes> + <bytes>)  bytes(<string>)",
    "time": "(<time> + <span>)  (<span> + <time>)  (<time> - <span>)  timestamp(<int>)",
    "span": "(<time> - <time>)  (<span> + <span>)  (<span> - <span>)",
    "list": """
        [<any>, <any>]  [<int>, <int>, <any>]  (<list> + <list>)  <list>.filter(x, <about>)
        <list>.map(x, <any>)  <list>.map(x, <about>, [x, <any>])""",
    "map": '{"k": <any>, string(<literal>): 1}  {"k": <int>}',
    "other": """
        type(<any>)  <map>.k  dyn(<any>)  <any>.k  (<any> + <any>)  <any>[<any>]  (-(<any>))""",
}
UNIONS = {
    "any": tuple(kind for kind in LEAVES if kind in FORMS),
    "number": ("int", "uint", "double"),
}


@st.composite
def expressions(draw: st.DrawFn, kind: str = "any", depth: int = 4) -> str:
    """Text whose value is likely of this kind."""
    if kind in UNIONS:
        kind = draw(st.sampled_from(UNIONS[kind]))
    elif kind in FORMS and draw(st.integers(0, 24)) == 0:
        kind = "other"
    if kind not in FORMS or (kind in LEAVES and (depth == 0 or draw(st.integers(0, 3)) == 0)):
        return draw(LEAVES[kind])
    chosen = draw(st.sampled_from(re.split(r"\s{2,}", FORMS[kind].strip())))
    return re.sub("<([a-z]+)>", lambda m: draw(expressions(m[1], max(depth - 1, 0))), chosen)


def ours(text: str) -> Any:
    """The value in a form that tells types apart, or `refused`, or `error`."""
    try:
        return plain(compile_cel(text, ["data"]).evaluate({"data": DATA}))
    except ConditionError:
        return "refused"
    except CelError:
        return "error"


def plain(value: Any) -> Any:
    match value:
        case list():
            return [plain(item) for item in value]
        case dict():
            return {repr(key_value(key)): plain(item) for key, item in value.items()}
        case Timestamp() | Duration():
            return (type(value).__name__, value.ns // 1000)
        case Type():
            return ("type", value.name)
        case _:
            return (type(value).__name__, repr(value))
