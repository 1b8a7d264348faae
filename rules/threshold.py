"""A threshold as people write it, `>= 3`, and the same as a function."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from models.duration import Duration

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


def parse_drop(text: str) -> tuple[str, Duration]:
    """The threshold of a fall, and the wall time in which it counts. Raises ValueError.

    >>> parse_drop(">= 0.3 within 7d")
    ('>= 0.3', Duration(amount=604800000, unit='wall'))
    """
    threshold, within, span = text.partition(" within ")
    duration = Duration.parse(span.strip()) if within else None
    if duration is None or duration.business or duration.amount < 60_000:
        raise ValueError(
            f'{text!r}: write a threshold and a minute or more, such as ">= 0.3 within 7d"'
        )
    compile_threshold(threshold)
    return threshold, duration
