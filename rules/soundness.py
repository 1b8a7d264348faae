"""Faults of a rule that its grammar cannot see: conditions, calendars, the sentence, the tests.

Checked when rules are loaded, so that a worker never starts with a rule that cannot run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from models.duration import Duration
from models.errors import Fault
from rules.condition import ConditionError, compile_condition
from rules.form_faults import did_you_mean
from rules.grammar import AbsenceRule, RuleForm, SequenceRule, SlaRule
from rules.grammar_tests import RuleTest
from rules.positions import Document, Path
from rules.relation import compile_relation
from rules.roles import roles
from rules.template import Template

WALL = "a place on the timeline is wall time (s, m, h, d, w), not business time"
INSTANT = "an instant has date, time and offset, such as 2026-03-02T09:00:00+08:00"
_DATE = re.compile(r"\d{4}-\d\d-\d\dT")
_SLOT = re.compile(r"\{\{[^{}]*\}\}")


def text_faults(document: Document, calendars: Collection[str]) -> Iterator[Fault]:
    """Of what the file says, whatever form it has: conditions and names of calendars."""
    for path, name, text in _texts(document.value, ()):
        if name == "where":
            yield from _condition_faults(compile_condition, name, text, path, document)
        elif path == ("when",):
            yield from _condition_faults(compile_relation, name, text, path, document)
        elif name == "calendar" and text not in calendars:
            known = did_you_mean(text, calendars) if calendars else "there are none"
            yield document.fault(path, f"no calendar {text!r}; {known}")


def _condition_faults(
    compile: Callable[[str], object], name: str, text: str, path: Path, document: Document
) -> Iterator[Fault]:
    try:
        compile(text)
    except ConditionError as error:
        yield document.fault(path, f"{name}: {error.message}", position=error.position)


def form_sense(form: RuleForm, document: Document) -> Iterator[Fault]:
    """Of a rule whose form is right."""
    names = [role.name for role in roles(form)]
    for slot in _SLOT.finditer(form.why):
        try:
            Template(slot[0], names)
        except ValueError as error:
            yield document.fault(("why",), str(error), position=slot.start())
    rest = _SLOT.sub("", form.why)
    if "{{" in rest or "}}" in rest:
        yield document.fault(("why",), "braces of a {{…}} that do not pair")
    yield from _change_faults(form, document)
    for i, test in enumerate(form.tests):
        yield from _timeline_faults(test, getattr(form, "feeds", {}), document, ("tests", i))
        yield from _expectation_faults(test, document, ("tests", i))


def _change_faults(form: RuleForm, document: Document) -> Iterator[Fault]:
    way, at = form.on_change, ("on_change",)
    if way != "expire" and not isinstance(form, SequenceRule | AbsenceRule | SlaRule):
        yield document.fault(at, f"`{way}` is for sla, absence and sequence; here cases expire")
    elif way == "finish" and isinstance(form, AbsenceRule) and form.measure == "since_last":
        yield document.fault(at, "a chain of waits (since_last) never finishes: expire or migrate")


def _timeline_faults(
    test: RuleTest, feeds: Collection[str], document: Document, path: Path
) -> Iterator[Fault]:
    if not _is_instant(test.start, document, (*path, "start")):
        yield document.fault((*path, "start"), INSTANT)
    for i, event in enumerate(test.events):
        own = (*path, "events", i)
        if event.at.business:
            yield document.fault((*own, "at"), WALL)
        for feed in event.feed or ():
            if feed not in feeds:
                yield document.fault((*own, "feed"), f"the rule has no feed {feed!r} in `feeds`")
    last = max((event.at.amount for event in test.events), default=0)
    if test.run_until is not None and test.run_until.amount < last:
        yield document.fault((*path, "run_until"), "ends before the last event")


def _expectation_faults(test: RuleTest, document: Document, path: Path) -> Iterator[Fault]:
    for i, expected in enumerate(test.expect):
        own = (*path, "expect", i)
        if isinstance(expected.at, Duration) and expected.at.business:
            yield document.fault((*own, "at"), WALL)
        for name in ("at", "due"):
            if not _is_instant(getattr(expected, name), document, (*own, name)):
                yield document.fault((*own, name), INSTANT)


def _is_instant(value: object, document: Document, path: Path) -> bool:
    """Of a datetime: whether it was written as one; pydantic takes bare seconds for one too."""
    if not isinstance(value, datetime):
        return True
    written = document.written(path)
    return (
        value.tzinfo is not None and isinstance(written, str) and _DATE.match(written) is not None
    )


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    """(path, field, text) of all text outside the tests."""
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str):
                yield (*path, name), name, part
            elif (*path, name) != ("tests",):
                yield from _texts(part, (*path, name))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _texts(part, (*path, i))
