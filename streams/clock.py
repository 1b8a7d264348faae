"""The clock: the only place of streams/ that asks what time it is; everyone else is told.

Wall time decides nothing by itself: it ends in the log as a tick, or in a metric.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the shell needs to know of time; a simulation passes its own."""

    def wall_ms(self) -> int:
        """ms since 1970."""

    def steady_s(self) -> float:
        """s since some instant; never goes back, for intervals."""


class SystemClock:
    """The machine's clock."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def steady_s(self) -> float:
        return time.monotonic()
