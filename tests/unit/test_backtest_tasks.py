"""`--tasks`: learned scores over the replayed events, as `pathline models report` has them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from models.errors import BadRule, BadSetting
from models.event import to_ms
from models.learners.figures import auc, brier
from models.learners.replay import Verdict
from rules.loader import RuleBook, load
from rules.task_book import load_tasks
from rules.task_replay import TaskReplay, replays
from streams.backtest import run
from streams.backtest.request import make_request
from streams.backtest.runner import execute
from streams.cli import app
from streams.codec import encode_event
from streams.settings import load_settings
from tests.backtest_desk import Desk
from tests.story import START, rule_set
from tests.unit.test_models_report import TASK, VISITS, happened, placed, task, visits

COSTLY = {
    "id": "page.costly",
    "kind": "signal",
    "on": {"type": "page.viewed", "where": "data.price > 95.0"},
    "key": ["data.visit"],
    "weight": {"value": 0.5, "half_life": "1d"},
}
TOLD = """
id: costly
version: 2.0.0
title: A costly page will be seen
case: [data.visit]
starts: [{type: visit.started}]
positive: [{alert: page.costly, state: firing}]
negative: [{type: visit.ended}]
horizon: 1d
score_at: [visit.started, page.viewed]
features: {types: [page.viewed], numbers: [data.price], momentum: true}
minimum: {cases: 40, positives: 5, negatives: 5}
"""
RUN_UNTIL = START + timedelta(days=30)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Desk:
    desk = Desk(tmp_path, monkeypatch, capsys)
    desk.rules("shop", COSTLY)
    (tmp_path / "tasks").mkdir()
    desk.write("tasks/leaves.yml", TASK)
    desk.write("tasks/costly.yml", TOLD)
    lines = sorted(visits(), key=lambda event: event.time)
    (tmp_path / "events.jsonl").write_bytes(b"".join(encode_event(e) + b"\n" for e in lines))
    return desk


def scored(desk: Desk, *words: str, out: str = "out") -> dict[str, Any]:
    code, printed = desk.run("--rules", "shop", "--tasks", "tasks", *words, out=out)
    assert code == 0, printed
    assert "leaves" in printed
    found: dict[str, Any] = desk.summary(out)["tasks"]
    return found


def shop() -> RuleBook:
    return load(Path("shop"), load_settings().calendars)


def verdicts(name: str) -> list[Verdict]:
    """By hand, with the one task and nothing else."""
    book = shop()
    [replay] = replays([load_tasks(Path("tasks"), book)[name]], book)
    for offset, event in enumerate(sorted(visits(), key=lambda event: event.time)):
        replay.advance(placed(event, offset))
    return replay.model.verdicts


def test_the_figures_are_those_of_models_report_on_the_same_file(desk: Desk) -> None:
    found = scored(desk)
    words = ["models", "report", "--events", "events.jsonl", "--rules", "shop", "--tasks", "tasks"]
    assert CliRunner().invoke(app, [*words, "--out", "by-report"]).exit_code == 0
    metrics = json.loads(Path("by-report/metrics.json").read_text("utf-8"))["tasks"]
    assert found.keys() == metrics.keys() == {"costly", "leaves"}
    for name, told in found.items():
        assert told["figures"] == metrics[name]["whole"]
        cases = metrics[name]["cases"]
        assert told["cases"]["matured"] == cases["positive"] + cases["negative"] > 100
        assert (told["cases"]["censored"], told["cases"]["pending"], told["scores_withheld"]) == (
            cases["censored"], cases["open"], cases["withheld"]
        )  # fmt: skip
        assert told["cases"]["started"] == VISITS


@pytest.mark.parametrize("name", ["leaves", "costly"])
def test_the_table_holds_what_was_said_of_each_case_before_its_label_came(
    desk: Desk, name: str
) -> None:
    """Also of cases without a label; those with one are judged by just these rows."""
    figures = scored(desk)[name]["figures"]
    rows = pl.read_parquet("out/scores.parquet").filter(pl.col("task") == name)
    said = {case: tuple(own) for case, own in rows.group_by("case").agg("value").rows()}
    known = verdicts(name)
    assert {one.case: said[one.case] for one in known} == {one.case: one.said for one in known}
    assert len(said) > len(known)
    pairs = rows.join(
        pl.DataFrame({"case": [v.case for v in known], "label": [v.label for v in known]}),
        on="case",
    ).drop_nulls("value")
    labels, values = pairs["label"].to_numpy(), pairs["value"].to_numpy()
    assert figures["rows"] == len(labels)
    assert figures["auc"] == pytest.approx(auc(labels, values))
    assert figures["brier"] == pytest.approx(brier(labels, values))


def test_a_score_names_the_model_that_said_it_by_the_cases_that_it_had_learned(desk: Desk) -> None:
    found = scored(desk)["leaves"]
    rows = pl.read_parquet("out/scores.parquet").filter(pl.col("task") == "leaves")
    learned = rows["model"].str.strip_prefix("logistic@").cast(pl.Int64)
    assert learned.is_sorted()
    assert learned[0] == 0
    withheld = rows.filter(pl.col("value").is_null())
    matured = pl.col("case").is_in([verdict.case for verdict in verdicts("leaves")])
    assert withheld.filter(matured).height == found["scores_withheld"] > 40
    assert withheld["why"].str.starts_with("learned from").all()
    assert learned.filter(rows["value"].is_not_null()).min() >= 40  # type: ignore[operator]
    assert set(rows["replay"]) == {desk.summary()["run"]}
    assert rows["score_id"].is_unique().all()


def test_processes_say_what_one_says(desk: Desk) -> None:
    one, two = scored(desk), scored(desk, "--processes", "2", out="two")
    assert one == two
    for name in ("scores.jsonl", "alerts.jsonl", "report.html"):
        assert Path("out", name).read_bytes() == Path("two", name).read_bytes()


def test_the_rules_say_the_same_with_tasks_beside_them(desk: Desk) -> None:
    scored(desk, "--run", "same")
    desk.run("--rules", "shop", "--run", "same", out="without")
    assert Path("out/alerts.jsonl").read_bytes() == Path("without/alerts.jsonl").read_bytes()
    both, alone = (Path(out, "scores.jsonl").read_bytes() for out in ("out", "without"))
    assert [line for line in both.splitlines() if b"score.v1" in line] == alone.splitlines() != []
    assert desk.summary("without")["tasks"] == {}


def test_other_tasks_are_another_question(desk: Desk) -> None:
    scored(desk)
    first = desk.summary()["run"]
    desk.write("tasks/leaves.yml", TASK.replace("1.0.0", "1.0.1"))
    scored(desk)
    assert desk.summary()["run"] != first


def test_a_clock_that_goes_on_ends_the_cases_that_were_pending(desk: Desk) -> None:
    before = scored(desk)["leaves"]["cases"]
    after = scored(desk, "--run-until", RUN_UNTIL.isoformat())["leaves"]["cases"]
    assert before["pending"] > after["pending"] == 0
    assert after["censored"] == before["censored"] + before["pending"]
    assert after["matured"] == before["matured"]


def test_a_run_that_is_stopped_tells_of_what_was_read_and_moves_no_clock(desk: Desk) -> None:
    request = make_request(
        load_settings(), shop(), ["events.jsonl"], run_until_ms=to_ms(RUN_UNTIL),
        tasks=Path("tasks"),
    )  # fmt: skip
    ran = execute(request, Path("out"), lambda events, done: True)
    assert not ran.complete
    told = ran.played.tasks["leaves"]["cases"]
    assert told["pending"] == scored(desk)["leaves"]["cases"]["pending"] > 0
    assert ran.scores.filter(pl.col("task") == "leaves").collect().height > told["matured"]


def test_the_report_shows_figures_and_calibration_of_each_task(desk: Desk) -> None:
    scored(desk)
    text = Path("out/report.html").read_text("utf-8")
    assert "<h2>Learned scores</h2>" in text
    assert "<h2>Calibration of tasks</h2>" in text
    assert '"name":"costly"' in text
    desk.run("--rules", "shop")
    assert "Learned scores" not in Path("out/report.html").read_text("utf-8")


def test_from_a_notebook(desk: Desk) -> None:
    found = run("events.jsonl", "shop", tasks="tasks")
    assert found.summary["tasks"] == scored(desk)
    assert set(found.scores["task"]) == {"momentum", "leaves", "costly"}


def test_the_old_rules_need_not_have_what_the_tasks_ask_for(desk: Desk) -> None:
    assert scored(desk, "--against", "rules").keys() == {"leaves", "costly"}


def test_a_task_that_asks_for_a_rule_that_is_not_there_is_refused_with_its_place(
    desk: Desk,
) -> None:
    code, printed = desk.run("--tasks", "tasks")
    assert code == 2
    assert "tasks/costly.yml:7:" in printed
    assert "no rule 'page.costly'" in printed
    with pytest.raises(BadRule):
        run("events.jsonl", "rules", tasks="tasks")


def test_a_topic_has_no_order_for_them(desk: Desk) -> None:
    with pytest.raises(BadSetting, match="--tasks is for files"):
        run("kafka://interactions", "shop", tasks="tasks")


def test_a_score_in_the_log_is_for_the_rules_and_no_feature(desk: Desk) -> None:
    """As live: what a model said before teaches it nothing."""
    events = sorted(visits(), key=lambda event: event.time)[:300]
    plain, noisy = (TaskReplay(task(), None, rule_set()) for _ in range(2))
    for number, event in enumerate(events):
        plain.advance(placed(event, 2 * number))
        noisy.advance(placed(event, 2 * number))
        score = happened(f"s{number}", "score.published", event.time, event.data["visit"],
                         task="leaves", value=0.5)  # fmt: skip
        assert noisy.advance(placed(score, 2 * number + 1)) is None
    assert plain.model.verdicts == noisy.model.verdicts != []
