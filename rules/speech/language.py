"""What a language needs to say a rule: sentences with slots, in tables by kind and field.

Beside the data path. The sentences are language, `rules/describe.py` fills their slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.duration import Duration

_SIZES = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


@dataclass(frozen=True)
class Language:
    """kinds: for each kind the sentence of each of its fields, in the order in which they are read;
    `{start}` in a sentence is what the field `start` says. common: of the fields that every rule
    has. values: sentences of fields that choose from a list, as `field=choice`. words: the small
    pieces. units: one and many. weekdays: from Monday.
    """

    name: str
    kinds: Mapping[str, Mapping[str, str]]
    common: Mapping[str, str]
    values: Mapping[str, str]
    words: Mapping[str, str]
    units: Mapping[str, tuple[str, str]]
    weekdays: tuple[str, ...]

    def say(self, word: str, **slots: object) -> str:
        """One of the pieces, its slots filled."""
        return self.words[word].format(**slots)

    def join(self, parts: list[str], word: str = "list") -> str:
        """`a, b`: word is the piece that stands between."""
        return self.words[word].join(parts)

    def duration(self, value: Duration) -> str:
        """With its units written out."""
        if value.unit == "wall":
            return self.span(value.amount)
        amount = value.amount / 3_600 if value.unit == "bh" else value.amount
        return self._count(f"{amount:g}", value.unit)

    def span(self, ms: int) -> str:
        """Wall time."""
        parts, rest = [], ms
        for unit, size in _SIZES:
            count, rest = divmod(rest, size)
            if count:
                parts.append(self._count(str(count), unit))
        return " ".join(parts) or self._count("0", "s")

    def _count(self, number: str, unit: str) -> str:
        one, many = self.units[unit]
        return f"{number} {one if number == '1' else many}"
