"""The report is one page that needs nothing else; a run that is stopped has one, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.backtest_desk import HOSTILE, Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


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
