"""Reasons of a score: what each feature adds to the log odds, the largest first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def largest(
    names: Sequence[str], amounts: NDArray[np.float64], count: int
) -> list[tuple[str, float]]:
    """At most `count` names with their amounts, by size whatever the sign; zeros are no reasons.

    >>> largest(("hour", "team", "age"), np.array([0.5, 0.0, -2.0]), 3)
    [('age', -2.0), ('hour', 0.5)]
    """
    order = np.argsort(-np.abs(amounts), kind="stable")[:count]
    return [(names[at], float(amounts[at])) for at in order if amounts[at] != 0]
