"""Lint: what is allowed and yet probably not meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rules.lint import CHECKS, Finding, lint
from rules.loader import load

DAY_MS = 86_400_000
START = "2026-03-02T09:00:00+08:00"
CALENDAR = """\
id: office
version: "1"
tz: UTC
week: {mon-fri: ["09:00-18:00"]}
years: {2026: {}, 2027: {provisional: true}}
"""
COMMON: dict[str, Any] = {
    "id": "a.rule",
    "version": "1.0.0",
    "title": "t",
    "status": "draft",
    "why": "w",
    "owner": "sales",
    "severity": "info",
    "tests": [
        {"name": "silent", "start": START, "events": [], "expect": []},
        {
            "name": "fires",
            "start": START,
            "events": [],
            "expect": [{"at": "1h", "state": "firing"}],
        },
    ],
}
SLA = {
    "kind": "sla",
    "start": {"type": "contract.revised"},
    "stop": {"type": "legal.replied"},
    "goal": {"within": "2h"},
}
ABSENCE = {
    "kind": "absence",
    "anchor": {"type": "trial.started"},
    "expect": {"type": "feature.used"},
    "deadline": {"after": "3d"},
    "feeds": {"usage": {"max_stale": "90m"}},
}
SEQUENCE = {
    "kind": "sequence",
    "steps": [{"type": "page.viewed"}, {"type": "document.downloaded"}],
    "within": "10m",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("rules", "calendars"):
        (tmp_path / name).mkdir()
    (tmp_path / "calendars" / "office.yml").write_text(CALENDAR)
    return tmp_path


def findings(folder: Path, rule: dict[str, Any], comment: str = "") -> list[Finding]:
    text = json.dumps({**COMMON, **rule}, indent=2) + comment  # JSON is YAML
    (folder / "rules" / "a.rule.yml").write_text(text)
    return lint(load(folder / "rules", folder / "calendars"), retention_ms=30 * DAY_MS)


@pytest.mark.parametrize("rule", [SLA, ABSENCE, SEQUENCE])
def test_a_sound_rule_has_no_findings(folder: Path, rule: dict[str, Any]) -> None:
    assert findings(folder, rule) == []


def steps(*gaps: dict[str, str]) -> dict[str, Any]:
    rest = [{"type": "document.downloaded", "gap": gap} for gap in gaps]
    return {**SEQUENCE, "steps": [{"type": "page.viewed"}, *rest]}


SAME = {"type": "contract.revised", "where": "data.final == true"}


@pytest.mark.parametrize(
    ("rule", "number", "at"),
    [
        ({**SLA, "stop": SLA["start"]}, "PL001", '"stop"'),
        ({**SLA, "stop": SAME}, "PL001", '"stop"'),
        ({**SLA, "cancel": SLA["start"]}, "PL001", '"cancel"'),
        ({**ABSENCE, "expect": ABSENCE["anchor"]}, "PL001", '"expect"'),
        ({**SLA, "owner": None}, "PL002", "{"),
        ({**ABSENCE, "feeds": {}}, "PL003", '"kind"'),
        ({**SLA, "goal": {"within": "30d"}}, "PL004", '"within"'),
        ({**SEQUENCE, "within": "5w"}, "PL004", '"within"'),
        ({**ABSENCE, "deadline": {"after": "31d"}}, "PL004", '"after"'),
        ({**ABSENCE, "deadline": {"day_number": 30, "tz": "UTC"}}, "PL004", '"deadline"'),
        (
            {**ABSENCE, "anchor": {"type": "deal.stage_entered"}, "deadline": {"after": "7d"}},
            "PL005",
            '"after"',
        ),
        ({**SLA, "start": {"type": "a.b", "where": "1 > 2"}}, "PL006", '"where"'),
        ({**ABSENCE, "anchor": {"type": "a.b", "where": "false"}}, "PL006", '"where"'),
        (steps({"min": "10m"}), "PL006", '"gap"'),
        (steps({"min": "5m"}, {"min": "5m"}), "PL006", '"gap"'),
        (steps({"min": "5m", "max": "5m"}), "PL006", '"gap"'),
        (
            {**SLA, "start": {"type": "a.b", "where": "data.n > 3 && data.n < 3"}},
            "PL006",
            '"where"',
        ),
        (
            {**SLA, "start": {"type": "a.b", "where": "data.n == 1 && 2 <= data.n"}},
            "PL006",
            '"where"',
        ),
        (
            {**SLA, "start": {"type": "a.b", "where": "data.p == 'x' && data.p == 'y'"}},
            "PL006",
            '"where"',
        ),
        ({**SEQUENCE, "without": {"type": "document.downloaded"}}, "PL006", '"without"'),
        ({**SLA, "goal": {"within": "2bh", "calendar": "office"}}, "PL007", '"calendar"'),
    ],
)
def test_a_finding_has_its_number_and_its_line(
    folder: Path, rule: dict[str, Any], number: str, at: str
) -> None:
    (finding,) = findings(folder, rule)
    line = (folder / "rules" / "a.rule.yml").read_text().splitlines()[finding.line - 1]
    assert finding.number == number
    assert finding.level == CHECKS[number].level
    assert line.strip().startswith(at)


@pytest.mark.parametrize(
    "rule",
    [
        {**SLA, "stop": {**SAME, "where": "data.final == false"}, "start": SAME},
        {**ABSENCE, "expect": ABSENCE["anchor"], "measure": "since_last"},
        {**SLA, "goal": {"within": "29d"}},
        {**ABSENCE, "anchor": {"type": "deal.stage_entered"}, "deadline": {"after": "6d"}},
        {**ABSENCE, "anchor": {"type": "backstage.entered"}, "deadline": {"after": "8d"}},
        {**SLA, "start": {"type": "a.b", "where": "1 < 2"}},
        {**SLA, "start": {"type": "a.b", "where": "data.pages > 2"}},
        steps({"min": "5m"}, {"min": "4m"}),
        steps({"min": "5m", "max": "6m"}),
        {**SLA, "start": {"type": "a.b", "where": "data.n >= 3 && data.n <= 3 && data.n != 4"}},
        {**SLA, "start": {"type": "a.b", "where": "data.n > 3 || data.n < 3"}},
        {**SLA, "stop": {"type": "a.b", "where": "data.n > 3 && data.n < 3"}},
        {**SEQUENCE, "without": {"type": "document.downloaded", "where": "data.draft"}},
        {**SEQUENCE, "without": {"type": "page.viewed"}},
    ],
)
def test_what_only_looks_like_it_is_not_found(folder: Path, rule: dict[str, Any]) -> None:
    assert findings(folder, rule) == []


def test_a_silence_with_a_reason_silences_its_number_alone(folder: Path) -> None:
    rule = {**ABSENCE, "feeds": {}, "owner": None}
    comment = "\n# lint: PL002 the desk changes hands every week\n"
    assert [finding.number for finding in findings(folder, rule, comment)] == ["PL003"]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("\n# lint: PL002\n", "the silence of PL002 gives no reason"),
        ("\n# lint: PL003 no feed yet\n", "there is no PL003 to silence here"),
    ],
)
def test_a_silence_that_is_none_is_found(folder: Path, comment: str, message: str) -> None:
    rule = {**SLA, "owner": None}
    told = [(f.number, f.message) for f in findings(folder, rule, comment) if f.number == "PL000"]
    assert told == [("PL000", message)]


def test_a_finding_reads_file_line_number(folder: Path) -> None:
    (finding,) = findings(folder, {**SLA, "owner": None})
    assert str(finding).startswith(
        f"{folder / 'rules' / 'a.rule.yml'}:1: PL002 finding: no `owner`"
    )


RUNNING = {"status": "active"}


def together(folder: Path, *rules: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(file's stem, number, message) of the findings of rules named a.rule, b.rule …"""
    for name, rule in zip("abc", rules, strict=False):
        full = {**COMMON, **RUNNING, **rule, "id": f"{name}.rule"}
        (folder / "rules" / f"{name}.rule.yml").write_text(json.dumps(full))
    found = lint(load(folder / "rules", folder / "calendars"), retention_ms=30 * DAY_MS)
    return [(Path(f.file).stem, f.number, f.message) for f in found]


def fires_at(*events: dict[str, Any]) -> dict[str, Any]:
    silent, fires = COMMON["tests"]
    return {"tests": [silent, {**fires, "events": list(events)}]}


def test_a_key_that_no_test_event_of_a_type_carries(folder: Path) -> None:
    start = {"at": "0s", "type": "contract.revised", "data": {"contract": {"id": "C-1"}}}
    stop = {"at": "1h", "type": "legal.replied", "data": {"contract": "C-1"}}
    keyed = {**SLA, "key": ["data.contract.id"]}
    lacking = "no test event of legal.replied carries data.contract.id, so none is read"
    assert together(folder, {**keyed, **fires_at(start, stop)}) == [("a.rule", "PL008", lacking)]
    assert together(folder, {**keyed, **fires_at(start)}) == []
    answered = {**stop, "data": start["data"]}
    assert together(folder, {**keyed, **fires_at(start, stop)}, fires_at(answered) | SLA) == []


def weighing(value: float, **rule: Any) -> dict[str, Any]:
    return {**SEQUENCE, "weight": {"value": value}, **rule}


def test_two_rules_with_one_trigger_and_opposite_weights(folder: Path) -> None:
    assert together(folder, weighing(0.5, within="1h"), weighing(-0.5)) == [
        ("b.rule", "PL009", "a.rule has the same trigger, and its weight the opposite sign (0.5)")
    ]
    assert together(folder, weighing(0.5, within="1h"), weighing(0.4, key=["data.x"])) == []
    other = [{"type": "page.viewed", "where": "data.n > 1"}, {"type": "document.downloaded"}]
    assert together(folder, weighing(0.5), weighing(-0.5, steps=other)) == []
    assert together(folder, weighing(0.5), weighing(-0.5, status="shadow")) == []


def test_a_rule_that_another_one_makes_superfluous(folder: Path) -> None:
    narrow = [
        {"type": "page.viewed", "where": "data.n > 1 && data.page == 'x'"},
        {"type": "document.downloaded"},
    ]
    wide = [{"type": "page.viewed", "where": "data.page == 'x'"}, {"type": "document.downloaded"}]
    message = "whenever it fires b.rule does: this one says nothing more"
    found = [("a.rule", "PL010", message)]
    assert together(folder, {**SEQUENCE, "steps": narrow}, {**SEQUENCE, "steps": wide}) == found
    assert together(folder, SEQUENCE, {**SEQUENCE, "within": "1h"}) == found
    assert together(folder, SLA, SLA) == [("b.rule", "PL010", message.replace("b.", "a."))]


@pytest.mark.parametrize(
    "second",
    [
        {**SEQUENCE, "within": "5m", "severity": "error"},
        {**SEQUENCE, "within": "5m", "owner": "service"},
        {**SEQUENCE, "within": "5m", "key": ["data.page"]},
        {**SEQUENCE, "within": "5m", "status": "shadow"},
        {**SEQUENCE, "within": "5m", "contiguity": "strict"},
        SLA,
    ],
)
def test_a_rule_that_says_more_is_not_superfluous(folder: Path, second: dict[str, Any]) -> None:
    assert together(folder, SEQUENCE, second) == []


def test_a_composite_of_a_rule_that_does_not_run(folder: Path) -> None:
    parts = [{"rule": "a.rule"}, {"rule": "b.rule"}]
    whole = {"kind": "composite", "of": parts, "within": "1d", "when": {"at_least": 2}}
    assert together(folder, SLA, SEQUENCE, whole) == []
    found = together(folder, SLA, {**SEQUENCE, "status": "draft"}, whole)
    assert found == [("c.rule", "PL011", "b.rule is draft: it never fires")]


def test_what_is_typed_weighs_no_more_than_what_is_captured(folder: Path) -> None:
    def from_(provenance: str, value: float) -> dict[str, Any]:
        where = f"provenance == '{provenance}' && data.n > 1"
        return {
            **SLA,
            "start": {"type": "budget.named", "where": where},
            "weight": {"value": value},
        }

    message = "what is typed weighs more here than what is captured in a.rule (0.4)"
    assert together(folder, from_("captured", 0.4), from_("typed", 0.5)) == [
        ("b.rule", "PL012", message)
    ]
    assert together(folder, from_("captured", 0.5), from_("typed", 0.5)) == []
    assert together(folder, from_("captured", 0.4), from_("derived", 0.5)) == []


def test_a_silence_takes_a_finding_across_rules_too(folder: Path) -> None:
    together(folder, SEQUENCE, SEQUENCE)
    path = folder / "rules" / "b.rule.yml"
    path.write_text(path.read_text() + "\n# lint: PL010 one of them goes next week\n")
    assert lint(load(folder / "rules", folder / "calendars"), retention_ms=30 * DAY_MS) == []
