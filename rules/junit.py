"""The outcome of rule tests as JUnit XML, which CI systems read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as xml

from rules.check import Outcome

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(outcomes: Sequence[Outcome]) -> str:
    """A suite for each rule, a case for each test; without durations: the clock is not ours.

    >>> print(junit([Outcome("a.b", "silent", "a.b.yml", 7, (), ())]))
    <testsuites tests="1" failures="0"><testsuite name="a.b" tests="1" failures="0"><testcase \
classname="a.b" name="silent" file="a.b.yml" line="7" /></testsuite></testsuites>
    """
    root = xml.Element("testsuites", _counts(outcomes))
    for rule, group in groupby(outcomes, key=lambda outcome: outcome.rule):
        own = list(group)
        suite = xml.SubElement(root, "testsuite", {"name": rule, **_counts(own)})
        for outcome in own:
            attributes = {
                "classname": rule,
                "name": _NOT_XML.sub("?", outcome.test),
                "file": outcome.file,
                "line": str(outcome.line),
            }
            case = xml.SubElement(suite, "testcase", attributes)
            if not outcome.passed:
                first = _NOT_XML.sub("?", outcome.differences[0])
                failure = xml.SubElement(case, "failure", {"message": first})
                failure.text = _NOT_XML.sub("?", str(outcome))
    return xml.tostring(root, encoding="unicode")


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    failures = sum(not outcome.passed for outcome in outcomes)
    return {"tests": str(len(outcomes)), "failures": str(failures)}
