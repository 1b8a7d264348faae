"""What a `change` rule measures: `count(…)`, `mean(…)` or `density(…)` of the events of a type."""

from __future__ import annotations

import re
from typing import NamedTuple

from models.event import Event
from rules.cel.values import to_double
from rules.paths import compile_path

LARGEST = 1e100  # a number beyond is no measurement, and its square no double
WORDS = "data.keywords"  # where `density` looks unless it is told
_FORM = re.compile(
    r'(count|mean|density)\(\s*([a-z][a-z0-9_.]*)\s*(?:,\s*(data(?:\.\w+)+)\s*)?(?:,\s*"([^"]+)"\s*)?\)'
)
_FORMS = (
    'write count(event.type), mean(event.type, data.path), density(event.type, "word") or'
    ' density(event.type, data.list, "word")'
)


class Measure(NamedTuple):
    """path, word: None where the kind has none."""

    kind: str
    type: str
    path: str | None
    word: str | None

    def figure(self, events: int, total: float, size: int) -> float | None:
        """Of what `Gauge` read of some events; None when there is nothing to divide by."""
        if self.kind == "count":
            return float(events)
        parts = events if self.kind == "mean" else size
        return total / parts if parts else None


class Gauge:
    """Reads one event."""

    def __init__(self, measure: Measure) -> None:
        self.kind = measure.kind
        self.word = measure.word
        self.get = compile_path(measure.path or WORDS)

    def read(self, event: Event) -> tuple[float, int] | None:
        """(total, size): the value, or how many entries are the word, and how many there are.

        None for an event that has nothing to measure.
        """
        if self.kind == "count":
            return 0.0, 0
        value = self.get(event)
        if self.kind == "density":
            return (value.count(self.word), len(value)) if type(value) is list else None
        if type(value) not in (int, float):
            return None
        number = to_double(value)
        return (number, 1) if abs(number) <= LARGEST else None


def parse_measure(text: str) -> Measure:
    """Raises ValueError for a text of another form.

    >>> parse_measure('density(meeting.keywords, "budget")')
    Measure(kind='density', type='meeting.keywords', path=None, word='budget')
    """
    found = _FORM.fullmatch(text.strip())
    if found is None or "." not in found[2]:
        raise ValueError(f"{text!r}: {_FORMS}")
    kind, type, path, word = found.groups()
    wanted = {"count": (False, False), "mean": (True, False), "density": (path is not None, True)}
    if (path is not None, word is not None) != wanted[kind]:
        raise ValueError(f"{text!r}: {_FORMS}")
    return Measure(kind, type, path, word)
