"""Rule sets of the simulation: those of the laws (tests/laws), with seconds for their hours.

So deadlines fall due within a run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from random import Random
from typing import Any
from unittest import mock

from rules.loader import RuleBook, parse
from rules.ruleset import RuleSet, compile_rules
from streams import shelf
from tests.laws.random_rules import absence, sequence, sla
from tests.story import COMMON, OFFICE, TESTS

BOOKS = 24  # there are; compiling one takes longer than a run
UNREAL = re.compile(r"\d+b[hd]|calendar|day_number")  # takes days, whatever is written


@lru_cache(maxsize=BOOKS)
def book(number: int) -> RuleBook:
    """One to four rules in wall time."""
    chance = Random(number)
    forms: list[dict[str, Any]] = []
    while len(forms) < 1 + number % 4:
        form = quickened(chance.choice([sla, sla, absence, sequence, sequence])(chance))
        if not UNREAL.search(json.dumps(form)):
            (form["alert"] or {}).pop("repeat", None)  # or no run would come to rest
            fields = {name: field for name, field in form.items() if field is not None}
            forms.append({**COMMON, "tests": TESTS, "id": f"rule-{len(forms)}", **fields})
    content = json.dumps({"v": 1, "rules": forms, "calendars": [OFFICE]})
    return parse(content.encode())


def quickened(form: Any) -> Any:
    """Seconds for hours."""
    if isinstance(form, dict):
        return {name: quickened(field) for name, field in form.items()}
    if isinstance(form, list):
        return [quickened(item) for item in form]
    if isinstance(form, str):
        form = re.sub(r"^(\d+)h$", r"\1s", form)
        return re.sub(r"^(\d+)m$", lambda found: f"{int(found[1]) // 30}s", form)
    return form


@lru_cache(maxsize=BOOKS)
def _compiled(digest: str) -> RuleSet:
    return compile_rules(next(book(n) for n in range(BOOKS) if book(n).digest == digest))


_parsed = lru_cache(maxsize=BOOKS)(parse)


@contextmanager
def compiled_once() -> Iterator[None]:
    """For as long as a run takes: shelves share what was compiled for runs before."""
    with (
        mock.patch.object(shelf, "parse", _parsed),
        mock.patch.object(shelf, "compile_rules", lambda book: _compiled(book.digest)),
    ):
        yield
