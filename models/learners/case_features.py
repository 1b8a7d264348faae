"""What an open case and its account remember for their features. Small, bounded, plain state.

Kept beside the account's other state, on the follow side; `features.py` moves it and reads rows
from it. Arrays on disk: only append fields.
"""

from __future__ import annotations

import msgspec


class Tally(msgspec.Struct, array_like=True):
    """Events of one kind. at: of the newest, ms. faded: the count, faded by each half-life."""

    at: int
    count: int = 0
    faded: list[float] = []

    def add(self, at: int, halves_ms: tuple[int, ...]) -> None:
        """One more event; an instant before `at` counts as `at`.

        >>> tally = Tally(0)
        >>> tally.add(0, (1000,)); tally.add(2000, (1000,))
        >>> tally
        Tally(at=2000, count=2, faded=[1.25])
        """
        at = max(at, self.at)
        self.faded = [left + 1.0 for left in self.left(at, halves_ms)]
        self.count += 1
        self.at = at

    def left(self, now: int, halves_ms: tuple[int, ...]) -> list[float]:
        """What the count has faded to, by each half-life."""
        if not self.count:
            return [0.0] * len(halves_ms)
        age = min(self.at - now, 0)
        return [
            count * 2.0 ** (age / half) for count, half in zip(self.faded, halves_ms, strict=True)
        ]


class CaseFeatures(msgspec.Struct, array_like=True):
    """since, latest: ms, of the first and the newest event. gap, gap_max: between events, ms.

    trail: the last types, newest last, at most three. types, steps: by column, which bounds them.
    numbers, words: the latest of each path; turns: how often each word has changed.
    """

    since: int
    latest: int
    events: int = 0
    gap: int = 0
    gap_max: int = 0
    trail: tuple[str, ...] = ()
    types: dict[int, Tally] = {}
    steps: dict[int, int] = {}
    numbers: list[float] = []
    words: list[str] = []
    turns: list[int] = []


class AccountFeatures(msgspec.Struct, array_like=True):
    """What an account did, all cases of the task together. cases: started so far."""

    events: Tally
    cases: int = 0
