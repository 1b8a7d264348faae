"""`pathline backtest` as an analyst and a CI system call it, on a small file of offers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import polars as pl
import pytest
import yaml

from models.alert import decode_alert
from streams.cli import main
from tests.story import COMMON, TESTS

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOSTILE = '</script><img src=x onerror="alert(1)">'
SILENT = {
    "id": "offer.silent",
    "kind": "absence",
    "anchor": {"type": "offer.sent"},
    "expect": {"type": "offer.answered"},
    "deadline": {"after": "7d"},
    "weight": {"value": 0.8, "half_life": "14d"},
}
TWICE = {
    "id": "offer.sent-twice",
    "kind": "sequence",
    "steps": [{"type": "offer.sent"}, {"type": "offer.sent"}],
    "within": "3d",
}


def offer(account: str, day: float, type: str, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{account}-{day}-{type}",
        "source": "//crm",
        "type": type,
        "time": (START + timedelta(days=day)).isoformat(),
        "subject": account,
        **more,
    }


EVENTS = [
    offer("acme", 0, "offer.sent"),
    offer("bolt", 1, "offer.sent"),
    offer(HOSTILE, 1.5, "offer.sent"),
    offer("acme", 2, "offer.answered"),
    offer("bolt", 12, "deal.lost", data={"value": 9}),
    offer("cask", 60, "deal.lost", data={"value": 1}),
]


class Desk:
    """A folder with rules and events, and the command in it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys: Any) -> None:
        self._patch, self._capsys = patch, capsys
        self.folder = folder
        patch.chdir(folder)
        patch.delenv("PATHLINE_OVERLAY", raising=False)
        self.rules("rules", SILENT, TWICE)
        lines = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)
        (folder / "events.jsonl").write_bytes(lines)

    def rules(self, name: str, *rules: dict[str, Any]) -> None:
        (self.folder / name).mkdir()
        for rule in rules:
            text = yaml.safe_dump({**COMMON, "tests": TESTS, **rule})
            (self.folder / name / f"{rule['id']}.yml").write_text(text, "utf-8")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def run(self, *words: str, out: str = "out") -> tuple[int, str]:
        """(exit code, what was printed)."""
        usual = ["--from", "events.jsonl", "--rules", "rules", "--out", out, "--processes", "1"]
        self._patch.setattr("sys.argv", ["pathline", "backtest", *usual, *words])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = self._capsys.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err

    def summary(self, out: str = "out") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / out / "summary.json").read_bytes())
        return found

    def alerts(self, out: str = "out") -> list[tuple[str, str, str, str]]:
        lines = (self.folder / out / "alerts.jsonl").read_bytes().splitlines()
        found = sorted(map(decode_alert, lines), key=lambda alert: alert.occurred_at)
        return [(a.rule.id, a.account, a.state, str(a.occurred_at - START)) for a in found]


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
    for name in ("alerts.jsonl", "scores.jsonl", "outcomes.jsonl"):
        assert (desk.folder / "out" / name).read_bytes() == (
            desk.folder / "two" / name
        ).read_bytes()


def test_the_run_ends_at_the_last_event_unless_the_clock_is_moved_on(desk: Desk) -> None:
    event = offer("late", 61, "offer.sent")
    with (desk.folder / "events.jsonl").open("ab") as file:
        file.write(json.dumps(event).encode() + b"\n")
    desk.run()
    assert len(desk.alerts()) == 2
    desk.run("--run-until", (START + timedelta(days=70)).isoformat())
    assert desk.alerts()[-1] == ("offer.silent", "late", "firing", "68 days, 0:00:00")
    assert desk.summary()["clock"] == "2026-05-11T09:00:00Z"


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


class Page(HTMLParser):
    """What a browser would fetch, and the tags that stand in the page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [v for name, v in attrs if name in ("src", "href") and v]


def test_the_report_needs_no_network_and_runs_nothing_of_the_data(desk: Desk) -> None:
    desk.run("--outcome", "deal.lost")
    text = (desk.folder / "out/report.html").read_text("utf-8")
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert "img" not in page.tags
    assert HOSTILE not in text
    for title in ("Alerts over time", "Lead time", "Calibration of scores", "When alerts fire",
                  "Alerts against outcomes", "Accounts with the most alerts"):  # fmt: skip
        assert f"<h2>{title}</h2>" in text


def test_a_run_without_any_alert_or_event_has_a_report_too(desk: Desk) -> None:
    (desk.folder / "events.jsonl").write_bytes(b"")
    assert desk.run("--outcome", "deal.lost")[0] == 0
    assert desk.summary()["events"] == 0
    assert "Alerts over time" in (desk.folder / "out/report.html").read_text("utf-8")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_leaves_a_valid_report_on_what_was_read(desk: Desk, processes: str) -> None:
    """The input is a pipe that never ends; the run is asked to stop while it reads."""
    fifo = desk.folder / "endless.csv"
    line = ",".join(f"c{n}" for n in range(3))
    mapping = 'account: "{a}"\ntype: offer.sent\ntime: {start: "2026-01-01T00:00:00Z", every: 1s}\n'
    desk.write("map.yml", mapping)
    fifo.write_text("a,b,c\n" + f"{line}\n" * 2_000_000)
    command = [
        *(sys.executable, "-c", "from streams.cli import main; main()", "backtest"),
        *("--from", str(fifo), "--map", "map.yml", "--rules", "rules", "--out", "out"),
        *("--processes", processes),
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True)
    assert process.stderr is not None
    assert "memory" in process.stderr.readline()  # from here on it reads
    parts = desk.folder / "out"
    while not list(parts.glob(".parts-*/alerts.0")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert desk.summary()["complete"] is False
    assert 0 < desk.summary()["events"] < 2_000_000
    assert "stopped before its input was at its end" in (parts / "report.html").read_text("utf-8")
    assert len(pl.read_parquet(parts / "alerts.parquet")) == len(desk.alerts())
