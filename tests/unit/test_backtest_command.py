"""`pathline backtest` as an analyst and a CI system call it, on a small file of offers."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import polars as pl
import pytest

from models.alert import decode_alert
from tests.backtest_desk import EVENTS, HOSTILE, SILENT, START, Desk, offer


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


def test_a_run_leaves_its_alerts_scores_summary_and_report(desk: Desk) -> None:
    code, printed = desk.run()
    assert code == 0
    assert "6 events of 4 accounts" in printed
    assert "memory: at most about" in printed
    assert desk.alerts() == [
        ("offer.silent", "bolt", "firing", "8 days, 0:00:00"),
        ("offer.silent", HOSTILE, "firing", "8 days, 12:00:00"),
    ]
    lines = (desk.folder / "out/alerts.jsonl").read_bytes().splitlines()
    alert = next(alert for line in lines if (alert := decode_alert(line)).account == "bolt")
    assert alert.replay == desk.summary()["run"]
    assert alert.emitted_at is None
    assert (alert.evidence[0].topic, alert.evidence[0].offset) == ("events.jsonl", 1)
    frame = pl.read_parquet("out/alerts.parquet")
    assert set(frame["account"]) == {"bolt", HOSTILE}
    faded = 0.8 * 2 ** (-3.5 / 14)  # time was looked at when the next event came
    assert pl.read_parquet("out/scores.parquet")["value"].max() == pytest.approx(faded, rel=1e-4)
    assert not list(desk.folder.glob("out/.parts*"))


def test_the_same_question_gives_the_same_bytes_whatever_the_number_of_processes(
    desk: Desk,
) -> None:
    desk.run()
    desk.run("--processes", "2", out="two")
    for name in ("alerts.jsonl", "scores.jsonl", "outcomes.jsonl", "report.html"):
        assert (desk.folder / "out" / name).read_bytes() == (
            desk.folder / "two" / name
        ).read_bytes()


def test_another_question_has_another_id(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rules, another input, another setting that decides."""
    ids = []
    for words in ((), ("--until", START.isoformat()), ("--rules", "other")):
        if "other" in words:
            desk.rules("other", SILENT)
        desk.run(*words)
        ids.append(desk.summary()["run"])
    monkeypatch.setenv("PATHLINE_SEQUENCE_LENGTH_MAX", "8")
    desk.run()
    ids.append(desk.summary()["run"])
    assert len(set(ids)) == 4


def test_the_run_ends_at_the_last_event_unless_the_clock_is_moved_on(desk: Desk) -> None:
    event = offer("late", 61, "offer.sent")
    with (desk.folder / "events.jsonl").open("ab") as file:
        file.write(json.dumps(event).encode() + b"\n")
    desk.run()
    assert len(desk.alerts()) == 2
    desk.run("--run-until", (START + timedelta(days=70)).isoformat())
    assert desk.alerts()[-1] == ("offer.silent", "late", "firing", "68 days, 0:00:00")
    assert desk.summary()["clock"] == "2026-05-11T09:00:00Z"


def test_several_files_are_one_log(desk: Desk) -> None:
    """Named at the end or by more --from; a deadline of one is due by an event of the other."""
    desk.run()
    apart = desk.folder / "apart"
    apart.mkdir()
    for n, event in enumerate(EVENTS):
        with (apart / f"{n % 2}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
    desk.write("events.jsonl", "")
    desk.run("--from", "apart/0.jsonl", "apart/1.jsonl", out="both")
    ids = [[(a.fingerprint, a.occurred_at) for a in desk.decoded(out)] for out in ("out", "both")]
    assert ids[0] == ids[1] != []
    assert {e.topic for alert in desk.decoded("both") for e in alert.evidence} == {"files"}


def test_outcomes_say_how_good_the_rules_were(desk: Desk) -> None:
    code, printed = desk.run("--outcome", "deal.lost", "--horizon", "10d")
    assert code == 0
    assert "50.0%" in printed
    found = desk.summary()["outcome"]
    assert found["count"] == 2
    assert found["rules"]["offer.silent"] == {
        "fired": 2, "matured": 2, "right": 1, "warned": 1, "precision": 0.5, "recall": 0.5,
        "lead_median_s": 345_600.0, "lead_p90_s": 345_600.0,
    }  # fmt: skip
    desk.run("--outcome", "deal.lost", "--outcome-where", "data.value > 5", "--horizon", "10d")
    assert desk.summary()["outcome"]["rules"]["offer.silent"]["recall"] == 1.0


def test_against_the_old_rules_it_tells_what_has_changed(desk: Desk) -> None:
    desk.rules("old", SILENT | {"deadline": {"after": "1d"}})
    desk.run("--against", "old")
    told = desk.summary()["against"]["rules"]["offer.silent"]
    assert told == {
        "old": 3, "new": 2, "same": 0, "moved": 2, "added": 0, "removed": 1,
        "moved_median_s": 6 * 86_400.0,
    }  # fmt: skip
    changes = pl.read_parquet("out/changes.parquet")
    assert changes["change"].to_list() == ["removed", "moved", "moved"]
    report = (desk.folder / "out/report.html").read_text("utf-8")
    assert "Against the old rules" in report
    assert "+6.0 d" in report
    desk.run()
    assert "against" not in desk.summary()
    assert not list((desk.folder / "out").glob("changes*"))
    assert not (desk.folder / "out/against").exists()


def test_a_sweep_tells_volume_and_precision_of_each_point(desk: Desk) -> None:
    sweep = "rules.offer.silent.deadline.after=1d,7d,30d"
    desk.run("--sweep", sweep, "--outcome", "deal.lost", "--horizon", "20d")
    rows = pl.read_parquet("out/sweep.parquet").select("point", "firing", "precision").rows()
    assert rows == [
        ("after=1d", 3, pytest.approx(1 / 3)),
        ("after=7d", 2, 0.5),
        ("after=30d", 2, 0.0),
    ]
    assert desk.alerts() == [  # those of the rules as they are
        ("offer.silent", "bolt", "firing", "8 days, 0:00:00"),
        ("offer.silent", HOSTILE, "firing", "8 days, 12:00:00"),
    ]


EXPECT = """
rules:
  offer.silent:
    firing: {min: 1, max: 3}
    resolved: 0
    alerts:
      - {account: bolt, at: "2026-03-10T17:00:00+08:00"}
"""


def test_expectations_that_are_met_end_with_0_and_are_junit(desk: Desk) -> None:
    desk.write("expect.yml", EXPECT)
    code, printed = desk.run("--expect", "expect.yml", "--junit", "junit.xml")
    assert code == 0
    assert "3 expectations, 0 missed" in printed
    root = xml.parse("junit.xml").getroot()  # noqa: S314 - our own output
    assert root.attrib == {"tests": "3", "failures": "0", "errors": "0"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("firing: {min: 1, max: 3}", "firing: 4", "firing: expected 4, was 2"),
        ("firing: {min: 1, max: 3}", "firing: {min: 3}", "firing: expected 3 to any number, was 2"),
        ("resolved: 0", "resolved: 1", "resolved: expected 1, was 0"),
        ("account: bolt", "account: acme", "missing: state firing, account acme"),
        ("17:00:00", "17:00:01", "firing due at 2026-03-10T09:00:00+00:00"),
    ],
)
def test_an_expectation_that_is_missed_ends_with_1_and_says_what_was(
    desk: Desk, old: str, new: str, told: str
) -> None:
    desk.write("expect.yml", EXPECT.replace(old, new))
    code, printed = desk.run("--expect", "expect.yml", "--junit", "junit.xml")
    assert code == 1
    assert told in printed
    assert "1 missed" in printed
    assert re.search(r"expect\.yml:\d", printed)
    [failure] = xml.parse("junit.xml").getroot().iter("failure")  # noqa: S314 - our own output
    assert failure.attrib["type"] == "differs"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--map", "no.yml"], 3, "no.yml cannot be read"),
        (["--since", "2026-03-02"], 3, "--since 2026-03-02: an instant with its offset"),
        (["--horizon", "2bd", "--outcome", "a.b"], 3, "wall time above 0"),
        (["--outcome", "rule:offer.silen"], 3, "did you mean 'offer.silent'?"),
        (["--rules", "nowhere"], 3, "nowhere is no folder here"),
        (["--from", "kafka://x"], 3, "not both"),
        (["--as-live"], 3, "--as-live is for topics"),
        (["--run", "Q 1"], 3, "--run Q 1"),
        (["--zone", "Mars/Olympus"], 3, "not an IANA time zone"),
        (["--sweep", "rules.offer.silent.deadline.after=soon"], 2, "soon"),
        (["--expect", "expect.yml"], 3, "did you mean 'offer.silent'?"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_read(
    desk: Desk, words: list[str], code: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATHLINE_BROKER", "127.0.0.1:1")
    desk.write("expect.yml", EXPECT.replace("offer.silent", "offer.slient"))
    found, printed = desk.run(*words)
    assert (found, told in printed) == (code, True), printed
    assert not (desk.folder / "out/alerts.jsonl").exists()


def test_rows_that_cannot_be_used_are_told_in_summary_and_report(desk: Desk) -> None:
    with (desk.folder / "events.jsonl").open("ab") as file:
        file.write(b"nonsense\n")
    _, printed = desk.run()
    assert "1 bad rows" in printed
    assert desk.summary()["input"] == {
        "from": ["events.jsonl"], "read": 7, "bad": 1, "left_out": 0, "outside": 0,
        "bad_by_reason": {"not_json": 1}, "times_are_made_up": False,
    }  # fmt: skip
    [row] = (desk.folder / "out/bad-rows.jsonl").read_bytes().splitlines()
    assert json.loads(row)["raw"] == "nonsense"
    assert "bad-rows.jsonl holds them" in (desk.folder / "out/report.html").read_text("utf-8")
