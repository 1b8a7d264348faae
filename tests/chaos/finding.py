"""What one fault did: counts, times, memory, and which promises it broke."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos.audit import Audit


@dataclass
class Finding:
    """injected: in words. recovery_s: the longest, from the end of the fault (or the start of the
    next worker) until the work goes on. rss_mb: of the worker, early and at the end.

    figures: whatever else was measured. broken: promises that do not hold, each a sentence.
    """

    injected: str
    audit: Audit = field(default_factory=Audit)
    recovery_s: float | None = None
    rss_mb: tuple[float, float] | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def promise(self, holds: bool, otherwise: str) -> None:
        """Note a promise; it is broken when it does not hold."""
        if not holds:
            self.broken.append(otherwise)

    def bound(self, what: str, measured: float, at_most: float, unit: str = "s") -> None:
        """A figure that must not exceed its bound."""
        self.figures[what] = round(measured, 2)
        self.promise(
            measured <= at_most, f"{what}: {measured:.1f} {unit}, promised {at_most:g} {unit}"
        )

    def to_json(self) -> dict[str, Any]:
        """For build/chaos.json."""
        return asdict(self)


def failed(injected: str, error: BaseException) -> Finding:
    """A fault that could not be played to its end: that is no pass."""
    return Finding(injected, broken=[f"{type(error).__name__}: {error}"[:2_000]])
