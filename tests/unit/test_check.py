"""The tests inside rule files: what they see, and how a failure reads."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from rules.check import Outcome, check
from rules.junit import junit
from rules.loader import parse

START = "2026-03-02T09:00:00+08:00"
SILENT = {"name": "silent", "start": START, "events": [], "expect": []}
RULE: dict[str, Any] = {
    "id": "legal-reply",
    "version": "1.0.0",
    "kind": "sla",
    "title": "Legal answers",
    "status": "active",
    "severity": "error",
    "owner": "legal",
    "why": "{{account}} waits until {{due}}",
    "start": {"type": "contract.revised"},
    "stop": {"type": "legal.replied"},
    "goal": {"within": "2h"},
    "warn_at": [0.5],
    "feeds": {"crm": {"max_stale": "90m"}},
}
REVISED = {"at": "0h", "type": "contract.revised"}
WARNING = {"at": "1h", "state": "pending"}
BREACH = {"at": "2h", "state": "firing"}


def run(
    events: list[dict[str, Any]], expect: list[dict[str, Any]], until: str = "1d", **rule: Any
) -> Outcome:
    """Run one test of the rule; the file's other test makes it a whole rule."""
    own = {"name": "the story", "start": START, "events": events, "expect": expect}
    other = SILENT if expect else {**own, "name": "other", "expect": [BREACH]}
    form = {**RULE, "tests": [{**own, "run_until": until}, other], **rule}
    content = json.dumps({"v": 1, "rules": [form], "calendars": []})
    return check(parse(content.encode()))[0]


def test_what_is_told_as_expected_passes() -> None:
    outcome = run([REVISED], [WARNING, BREACH])
    assert outcome.passed
    assert outcome.timeline[0].split() == ["0s", "contract.revised", "account-1"]
    assert [line.split()[0] for line in outcome.timeline[1::2]] == ["1h", "2h"]
    assert outcome.timeline[2].strip() == "account-1 waits until 2026-03-02 03:00 UTC"


def test_one_alert_too_few_fails() -> None:
    outcome = run([REVISED], [WARNING, BREACH, {"at": "3h", "state": "resolved"}])
    assert outcome.differences == ("missing: resolved at 2026-03-02T12:00:00+08:00 (3h)",)


def test_one_alert_too_many_fails_even_a_pending_one() -> None:
    outcome = run([REVISED], [BREACH])
    assert outcome.differences == (
        "too many: pending at 2026-03-02T10:00:00+08:00 (1h), step warn:0.5,"
        " account account-1, owner legal",
    )


def test_expecting_nothing_fails_on_anything() -> None:
    assert len(run([REVISED], []).differences) == 2


@pytest.mark.parametrize(
    ("field", "wanted", "was"),
    [
        ("at", "2026-03-02T11:00:01+08:00", "2026-03-02T11:00:00+08:00 (2h)"),
        ("state", "resolved", "'firing'"),
        ("account", "account-2", "'account-1'"),
        ("step", "escalate:coo", "'due'"),
        ("due", "2026-03-02T12:00:00+08:00", "2026-03-02T11:00:00+08:00 (2h)"),
        ("key", {"data.ticket": "T-1"}, "{}"),
        ("owner", "sales", "'legal'"),
        ("why", "because", "'account-1 waits until 2026-03-02 03:00 UTC'"),
    ],
)
def test_every_field_that_a_test_names_is_compared(field: str, wanted: Any, was: str) -> None:
    outcome = run([REVISED], [WARNING, {**BREACH, field: wanted}])
    (difference,) = outcome.differences
    assert difference.startswith(f"alert 2: {field}: expected ")
    assert difference.endswith(f", was {was}")


def test_an_instant_may_be_written_in_any_offset() -> None:
    assert run([REVISED], [WARNING, {**BREACH, "at": "2026-03-02T03:00:00Z"}]).passed


def test_lines_arrive_in_the_order_of_at_ties_as_written() -> None:
    reply = {"at": "2h", "type": "legal.replied"}
    outcome = run([reply, REVISED], [WARNING, BREACH, {"at": "2h", "state": "resolved"}])
    assert outcome.passed
    types = ("contract.revised", "legal.replied")
    assert [t for line in outcome.timeline for t in types if t in line] == list(types)


def test_a_line_with_a_time_of_its_own_is_late() -> None:
    late = {"at": "3h", "time": "90m", "type": "legal.replied"}
    outcome = run([REVISED, late], [WARNING, BREACH, {"at": "90m", "state": "retracted"}])
    assert outcome.passed
    assert "of 1h 30m" in outcome.timeline[-3]


def test_a_stale_feed_holds_the_rule_and_is_not_an_alert_of_it() -> None:
    events = [REVISED, {"at": "30m", "feed": {"crm": "stale"}}]
    assert run(events, []).passed
    events.append({"at": "5h", "feed": {"crm": "alive"}})
    assert run(events, [BREACH, {"at": "1h", "state": "pending"}][::-1]).passed


def test_the_offset_of_start_is_that_of_the_events() -> None:
    absence = {
        "kind": "absence",
        "anchor": {"type": "contract.revised"},
        "expect": {"type": "legal.replied"},
        "deadline": {"day_number": 1, "tz": "account"},
    }
    fields = {name: RULE[name] for name in RULE if name not in ("start", "stop", "goal", "warn_at")}
    story = {"name": "fires", "start": START, "events": [REVISED], "run_until": "3d"}
    tests = [{**story, "expect": [{"at": "2026-03-04T00:00:00+08:00", "state": "firing"}]}, SILENT]
    rule = {**fields, **absence, "tests": tests}
    content = json.dumps({"v": 1, "rules": [rule], "calendars": []})
    assert check(parse(content.encode()))[0].passed


def test_what_the_engine_could_not_decide_fails_the_test() -> None:
    calendar = {
        "id": "office",
        "version": "1",
        "tz": "UTC",
        "week": {"mon-fri": ["09:00-18:00"]},
        "years": {"2025": {}},
    }
    tests = [
        {**SILENT, "events": [REVISED]},
        {**SILENT, "name": "other", "expect": [BREACH]},
    ]
    rule = {**RULE, "goal": {"within": "2bh", "calendar": "office"}, "tests": tests}
    content = json.dumps({"v": 1, "rules": [rule], "calendars": [calendar]})
    outcome = check(parse(content.encode()))[0]
    assert "calendar_year_missing" in outcome.differences[0]


@pytest.mark.parametrize(("status", "tests"), [("shadow", 2), ("draft", 0), ("deprecated", 0)])
def test_only_rules_that_are_evaluated_are_tested(status: str, tests: int) -> None:
    rule = {**RULE, "status": status, "tests": [SILENT, {**SILENT, "expect": [BREACH]}]}
    content = json.dumps({"v": 1, "rules": [rule], "calendars": []})
    assert len(check(parse(content.encode()))) == tests


def test_a_failure_reads_place_timeline_difference() -> None:
    lines = str(run([REVISED], [WARNING])).splitlines()
    assert lines[0].endswith(": the story")
    assert lines[1] == "  timeline"
    assert lines[2].split() == ["0s", "contract.revised", "account-1"]
    assert lines[-2] == "  differences"
    assert lines[-1].startswith("    too many: firing at ")


def test_junit_tells_suites_cases_and_failures() -> None:
    good, bad = run([REVISED], [WARNING, BREACH]), run([REVISED], [WARNING])
    root = xml.fromstring(junit([good, bad]))  # noqa: S314 - our own output
    assert root.attrib == {"tests": "2", "failures": "1", "errors": "0"}
    assert [case.get("name") for case in root.iter("testcase")] == ["the story", "the story"]
    (failure,) = root.iter("failure")
    assert failure.text == str(bad)


def test_junit_survives_what_xml_cannot_say() -> None:
    rude = Outcome("a", "bell \x07", "a.yml", 1, (), ("\x00",))
    (case,) = xml.fromstring(junit([rude])).iter("testcase")  # noqa: S314 - our own output
    assert case.get("name") == "bell ?"


JUNIT_10 = {  # element: (attributes it needs, others it may have, elements in it)
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        },
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": ({"name"}, {"time", "classname", "group"}, {"skipped", "error", "failure"}),
    "failure": (set(), {"type", "message"}, set()),
}


def test_junit_is_what_jenkins_takes() -> None:
    """The part of jenkinsci/xunit-plugin's junit-10.xsd that we write."""
    passed, failed = run([REVISED], [WARNING, BREACH]), run([REVISED], [WARNING])
    root = xml.fromstring(junit([passed, failed]))  # noqa: S314 - our own output
    for element in root.iter():
        needed, others, inner = JUNIT_10[element.tag]
        assert needed <= element.attrib.keys() <= needed | others
        assert {child.tag for child in element} <= inner


def test_a_failure_tells_each_alert_by_the_number_of_the_timeline() -> None:
    text = str(run([REVISED], [WARNING, {**BREACH, "owner": "sales", "step": "warn:0.5"}]))
    assert text.endswith(
        """: the story
  timeline
            0s  contract.revised account-1
            1h  -> alert 1: pending at 2026-03-02T10:00:00+08:00 (1h), step warn:0.5,\
 account account-1, owner legal
                   account-1 waits until 2026-03-02 03:00 UTC
            2h  -> alert 2: firing at 2026-03-02T11:00:00+08:00 (2h), step due,\
 account account-1, owner legal
                   account-1 waits until 2026-03-02 03:00 UTC
  differences
    alert 2: step: expected 'warn:0.5', was 'due'
    alert 2: owner: expected 'sales', was 'legal'"""
    )
