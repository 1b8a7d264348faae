"""What is allowed and yet probably not meant: findings about rules that load.

Every check is one entry of CHECKS with a number of its own. A rule file silences a number with a
comment that gives the reason: `# lint: PL002 the desk changes hands every week`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from rules import lint_across as across
from rules import lint_checks as checks
from rules.grammar import RuleForm
from rules.lint_checks import Around, Found
from rules.loader import RuleBook
from rules.positions import Document

Level = Literal["finding", "notice"]
_SILENCE = re.compile(r"(?:^|\s)#[ \t]*lint:[ \t]*(PL\d{3})\b[ \t]*(.*)$", re.MULTILINE)


class Check(NamedTuple):
    """level: a notice does not fail a lint run. title: for the documentation."""

    level: Level
    title: str
    look: Callable[[RuleForm, Around], Found]


CHECKS: dict[str, Check] = {
    "PL001": Check("finding", "a start that is also a stop", checks.start_is_stop),
    "PL002": Check("finding", "no owner", checks.no_owner),
    "PL003": Check("finding", "an absence rule without feeds", checks.no_feeds),
    "PL004": Check(
        "finding", "a window longer than the interactions are kept", checks.longer_than_kept
    ),
    "PL005": Check("notice", "a stage-dwell rule", checks.stage_dwell),
    "PL006": Check("finding", "a rule that can never fire", checks.never_fires),
    "PL007": Check("notice", "a calendar with a provisional year", checks.provisional),
    "PL008": Check("finding", "a key that the events lack", across.lacks_key),
    "PL009": Check("finding", "two rules with one trigger and opposite weights", across.opposite),
    "PL010": Check("finding", "a rule that another one makes superfluous", across.shadowed),
    "PL011": Check("finding", "a composite of a rule that does not run", across.idle_members),
    "PL012": Check("finding", "typed weighs more than captured", across.typed_above_captured),
}
SILENCE = "PL000"


class Finding(NamedTuple):
    """number: PL001 and so on; PL000 is about silences themselves."""

    file: str
    line: int
    number: str
    level: Level
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.number} {self.level}: {self.message}"


def lint(book: RuleBook, retention_ms: int) -> list[Finding]:
    """All findings, by file and line, drafts included.

    retention_ms: how long the topic of interactions keeps its events.
    """
    around = Around(book.calendars, retention_ms, book.rules, _events(book.rules))
    found: list[Finding] = []
    for form in book.rules:
        document = book.documents[form.id]
        own = []
        for number, check in CHECKS.items():
            for path, message in check.look(form, around):
                fault = document.fault(path, message)
                own.append(Finding(fault.file, fault.line, number, check.level, message))
        found += _unsilenced(document, own)
    return sorted(found)


def _events(rules: Iterable[RuleForm]) -> dict[str, list[Any]]:
    seen: dict[str, list[Any]] = {}
    for event in (event for form in rules for test in form.tests for event in test.events):
        if event.type is not None:
            seen.setdefault(event.type, []).append(event.data)
    return seen


def _unsilenced(document: Document, found: list[Finding]) -> list[Finding]:
    """A silence needs a reason, and something to silence."""
    kept = list(found)
    for match in _SILENCE.finditer(document.text):
        number, reason = match[1], match[2].strip()
        if not reason:
            message = f"the silence of {number} gives no reason"
        elif any(finding.number == number for finding in found):
            kept = [finding for finding in kept if finding.number != number]
            continue
        else:
            message = f"there is no {number} to silence here"
        line = document.text.count("\n", 0, match.start(1)) + 1
        kept.append(Finding(document.file, line, SILENCE, "finding", message))
    return kept
