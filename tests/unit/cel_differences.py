"""How ours and another CEL may differ: a table that a reader can check, and what it covers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

ERROR = "error"


class Difference(NamedTuple):
    """One known difference: the smallest text that shows it, both answers, who is right and why.

    form: a regular expression; a larger text that has such a part may differ for this reason.
    """

    text: str
    ours: Any
    theirs: Any
    why: str
    form: str


def explained(text: str, theirs: Any, differences: Iterable[Difference]) -> bool:
    """Whether the text holds a part of which the two are known to differ in this way."""
    return any(
        (theirs == ERROR) is (known.theirs == ERROR) and re.search(known.form, text, re.DOTALL)
        for known in differences
    )


def row(known: Difference) -> str:
    """Its line in docs/cel.md."""
    text, why = (part.replace("|", "\\|") for part in (known.text, known.why))
    return f"| `{text}` | {_shown(known.ours)} | {_shown(known.theirs)} | {why} |\n"


def _shown(value: Any) -> str:
    match value:
        case (_, text):
            return f"`{text}`"
        case list():
            return "a list"
        case dict():
            return "a map"
        case _:
            return str(value)
