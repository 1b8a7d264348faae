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
