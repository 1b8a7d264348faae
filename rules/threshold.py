"""A threshold as people write it, `>= 3`, and the same as a function."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

_FORM = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def compile_threshold(text: str) -> Callable[[float], bool]:
    """Raises ValueError for a text of another form.

    >>> compile_threshold(">= 0.3")(0.3), compile_threshold("< -1")(0)
    (True, False)
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'{text!r}: write a comparison with a number, such as ">= 3"')
    compare, limit = _COMPARE[found[1]], float(found[2])
    return lambda number: compare(number, limit)
