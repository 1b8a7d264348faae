"""The sentence of an alert: `why` with `{{account}}`, `{{due}}` and `{{step.data.field}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

_SLOT = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_FIELD = re.compile(r"([a-z_][a-z0-9_]*)\.(data(?:\.[A-Za-z_][A-Za-z0-9_]*)+)")


class Template:
    """Raises ValueError for a slot that nothing can fill.

    fields: (role or step name, path) pairs whose values a mark has to keep.

    >>> t = Template("{{account}} waits for {{start.data.who}}", ["start", "stop"])
    >>> t.fields
    (('start', 'data.who'),)
    >>> t.render("acme", None, {("start", "data.who"): "legal"})
    'acme waits for legal'
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._parts = _SLOT.split(text)  # text, slot, text …
        fields = []
        for slot in self._parts[1::2]:
            if slot in ("account", "due"):
                continue
            field = _FIELD.fullmatch(slot)
            if field is None or field[1] not in names:
                known = ", ".join(["account", "due", *(f"{name}.data.…" for name in names)])
                raise ValueError(f"{{{{{slot}}}}} is not known here; known are {known}")
            fields.append((field[1], field[2]))
        self.fields = tuple(dict.fromkeys(fields))

    def render(
        self,
        account: str,
        due: int | None,
        values: Mapping[tuple[str, str], Any],
        zone: tzinfo = UTC,
    ) -> str:
        """A value that the event did not carry reads `?`."""

        def fill(slot: str) -> str:
            if slot == "account":
                return account
            if slot == "due":
                return "?" if due is None else instant(due, zone)
            name, _, path = slot.partition(".")
            value = values.get((name, path))
            return "?" if value is None else str(value)

        parts = self._parts[:]
        parts[1::2] = map(fill, parts[1::2])
        return "".join(parts)


def instant(ms: int, zone: tzinfo) -> str:
    """For people, to the minute.

    >>> instant(1772442000000, UTC)
    '2026-03-02 09:00 UTC'
    """
    return datetime.fromtimestamp(ms / 1000, zone).strftime("%Y-%m-%d %H:%M %Z")
