"""Learned scores in a backtest: those that live wrote into the log."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from models.learned_score import decode_learned
from streams.backtest import run
from streams.backtest.scored import decode_any
from streams.backtest.to_topic import _rows
from tests.backtest_desk import EVENTS, Desk, offer


def score(account: str, day: float, value: Any, **data: Any) -> dict[str, Any]:
    told = {"task": "churn", "value": value, "model": "logistic@3", **data}
    return offer(account, day, "score.published", data=told)


SCORED = [
    score("acme", 1, 0.25),
    score("bolt", 5, 0.75, case="bolt {} 1"),
    score("bolt", 11.9, 1),
    score("cask", 59.5, 0.9),
    score("bolt", 3, "high"),
    score("bolt", 3.5, 75),
    offer("bolt", 3.6, "score.published"),
]
LOG = sorted([*EVENTS, *SCORED, SCORED[1]], key=lambda event: event["time"])


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Desk:
    desk = Desk(tmp_path, monkeypatch, capsys)
    write(desk, LOG)
    return desk


def write(desk: Desk, events: list[dict[str, Any]]) -> None:
    desk.write("events.jsonl", "".join(json.dumps(event) + "\n" for event in events))


def learned(out: str = "out") -> pl.DataFrame:
    return pl.read_parquet(f"{out}/scores.parquet").filter(pl.col("task") == "churn")


def test_scores_of_the_log_are_in_the_table_each_once_as_live_said_them(desk: Desk) -> None:
    """Beside momentum. One is twice in the log, as Kafka's readers may see it."""
    desk.run()
    rows = learned().select("account", "case", "value", "model", "replay").rows()
    assert rows == [
        ("acme", None, 0.25, "logistic@3", None),
        ("bolt", "bolt {} 1", 0.75, "logistic@3", None),
        ("bolt", None, 1.0, "logistic@3", None),
        ("cask", None, 0.9, "logistic@3", None),
    ]
    everything = pl.read_parquet("out/scores.parquet")
    assert desk.summary()["scores"] == everything.height > len(rows)
    lines = (desk.folder / "out/scores.jsonl").read_bytes().splitlines()
    assert sorted(decode_any(line).task for line in lines) == sorted(everything["task"])
    assert sum(line.startswith(b'{"schema":"pathline.score.v2"') for line in lines) == len(rows)


def test_an_event_that_holds_no_probability_is_counted(desk: Desk) -> None:
    desk.run()
    assert desk.summary()["engine"]["score_event_unreadable"] == 3


def test_they_are_held_against_the_outcome_once_their_horizon_has_passed(desk: Desk) -> None:
    """The clock ends at day 60: of `cask`, right as it was, nobody knows enough."""
    desk.run("--outcome", "deal.lost", "--horizon", "10d")
    report = (desk.folder / "out/report.html").read_text("utf-8")
    assert '"name":"churn, live"' in report
    bins = run("events.jsonl", "rules", outcome="deal.lost", horizon="10d").calibration
    assert bins is not None
    churn = bins.filter(pl.col("task") == "churn")
    assert churn.select("live", "scores", "value", "came").rows() == [
        (True, 1, 0.25, 0.0),
        (True, 1, 0.75, 1.0),
        (True, 1, 1.0, 1.0),
    ]


def test_processes_say_what_one_says(desk: Desk) -> None:
    desk.run()
    desk.run("--processes", "2", out="two")
    one, two = (desk.folder / out / "scores.jsonl" for out in ("out", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert b"pathline.score.v2" in one.read_bytes()


def test_only_what_the_run_says_itself_is_sent_to_topics_of_its_own(desk: Desk) -> None:
    desk.run()
    ran: Any = SimpleNamespace(folder=desk.folder / "out", topics={})
    sent = [decode_any(line) for _, line, _ in _rows(ran, "scores")]
    assert {(score.task, score.replay) for score in sent} == {("momentum", desk.summary()["run"])}


def test_a_line_of_the_file_is_its_contract(desk: Desk) -> None:
    desk.run()
    lines = (desk.folder / "out/scores.jsonl").read_bytes().splitlines()
    told = [
        decode_learned(line) for line in lines if line.startswith(b'{"schema":"pathline.score.v2"')
    ]
    assert [(s.score_id, s.case, s.version, s.shadow) for s in told if s.account == "bolt"] == [
        ("bolt-5-score.published", "bolt {} 1", None, False),
        ("bolt-11.9-score.published", "", None, False),
    ]
