"""Durations with a unit: `45s 180s 10m 2h 3d 2w` are wall time, `2bh 3bd` business time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["wall", "bh", "bd"]

_WALL_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|w|bh|bd)")


@dataclass(frozen=True)
class Duration:
    """An amount of wall time (ms), business hours (s) or business days (days).

    >>> Duration.parse("90m")
    Duration(amount=5400000, unit='wall')
    >>> Duration.parse("2bh"), Duration.parse("3bd")
    (Duration(amount=7200, unit='bh'), Duration(amount=3, unit='bd'))
    """

    amount: int
    unit: Unit

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Raises ValueError with what to write instead."""
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(
                f"{text!r} is not a duration: write a number and a unit"
                " (s, m, h, d, w, or bh, bd for business time), such as 90m or 2bh"
            )
        number, unit = match.groups()
        if unit == "bd":
            if "." in number:
                raise ValueError(f"{text!r}: business days are counted whole")
            return cls(int(number), "bd")
        if unit == "bh":
            return cls(round(float(number) * 3_600), "bh")
        return cls(round(float(number) * _WALL_MS[unit]), "wall")

    @property
    def business(self) -> bool:
        return self.unit != "wall"
