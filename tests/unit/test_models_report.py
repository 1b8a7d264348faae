"""`pathline models report`: a log goes in, what could have been known at each time comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from models.event import CloudEvent, Event, place
from models.learners.report import cut, figures_of, report
from models.task import Task
from rules.task_replay import TaskReplay
from streams.cli import app
from streams.codec import encode_event
from tests.story import START, rule_set

TASK = """
id: leaves
version: 1.0.0
title: The visitor leaves
case: [data.visit]
starts: [{type: visit.started}]
positive: [{type: visit.ended, where: data.left}]
negative: [{type: visit.ended}]
horizon: 1d
score_at: [visit.started, page.viewed]
features: {types: [visit.started, page.viewed], numbers: [data.price], account: false}
minimum: {cases: 40, positives: 5, negatives: 5}
"""
VISITS = 400
BIG = 50  # a price above it makes leaving likely


def visits(seed: int = 1, count: int = VISITS) -> Iterator[CloudEvent]:
    """A visit every half hour; what decides it is the price of the last page. Some never end."""
    chance = np.random.default_rng(seed)
    for number in range(count):
        at, visit = START + timedelta(minutes=30 * number), f"v{number}"
        pages = 1 + int(chance.integers(4))
        price = 0.0
        yield happened(f"{visit}-0", "visit.started", at, visit)
        for page in range(pages):
            price = float(chance.uniform(0, 100))
            at += timedelta(minutes=2)
            yield happened(f"{visit}-{page + 1}", "page.viewed", at, visit, price=price)
        if chance.random() < 0.95:
            left = bool(chance.random() < (0.9 if price > BIG else 0.1))
            yield happened(
                f"{visit}-end", "visit.ended", at + timedelta(minutes=2), visit, left=left
            )


def happened(id: str, type: str, at: Any, visit: str, **data: Any) -> CloudEvent:
    return CloudEvent(specversion="1.0", id=id, source="//shop", type=type, time=at,
                      subject="acme", data={"visit": visit, **data})  # fmt: skip


def placed(event: CloudEvent, offset: int) -> Event:
    fields = {name: getattr(event, name) for name in CloudEvent.__struct_fields__}
    return place(Event(**fields), offset)


def task() -> Task:
    return Task.model_validate(yaml.safe_load(TASK))


def replayed(events: list[CloudEvent]) -> TaskReplay:
    replay = TaskReplay(task(), None, rule_set())
    for offset, event in enumerate(events):
        replay.advance(placed(event, offset))
    return replay


@cache
def whole() -> TaskReplay:
    return replayed(list(visits()))


def test_what_was_said_does_not_know_what_came_later() -> None:
    """A log that is cut off anywhere tells of its cases what the whole log tells of them."""
    events, told = list(visits()), whole().model.verdicts
    for length in (200, 700, 1_300):
        cut_off = replayed(events[:length]).model.verdicts
        assert cut_off == told[: len(cut_off)]
        assert 0 < len(cut_off) < len(told)


def test_another_label_changes_what_is_said_afterwards_only() -> None:
    events = list(visits())
    place_ = next(n for n, e in enumerate(events) if e.id.endswith("-end") and n > 600)
    case = events[place_]
    turned = happened(case.id, case.type, case.time, case.data["visit"], left=not case.data["left"])
    other = replayed([*events[:place_], turned, *events[place_ + 1 :]]).model.verdicts
    for one, two in zip(whole().model.verdicts, other, strict=True):
        if one.case == two.case and one.at < int(case.time.timestamp() * 1000):
            assert one == two
    assert [v.said for v in whole().model.verdicts] != [v.said for v in other]


def test_it_learns_what_decides_and_says_nothing_while_it_knows_too_little() -> None:
    replay = whole()
    told = report(replay.model, open=replay.open, events=1, since=cut(replay.model.verdicts, 0.8))
    silent = [v for v in replay.model.verdicts if all(said is None for said in v.said)]
    assert len(silent) >= 40
    assert told.cases.withheld >= sum(len(v.said) for v in silent)
    last_pages = [v._replace(said=v.said[-1:]) for v in replay.model.verdicts[200:]]
    area = figures_of(last_pages).auc
    assert area is not None
    assert area > 0.8
    assert told.importance[0][0].startswith("data.price")


def test_every_case_is_counted_once() -> None:
    replay = whole()
    told = report(replay.model, open=replay.open, events=1, since=0)
    cases = told.cases
    assert cases.started == VISITS
    assert cases.positive + cases.negative + cases.censored + cases.open + cases.unscored == VISITS
    assert cases.censored > 0, "beyond the horizon"
    assert cases.open > 0, "the log ends before their horizon"
    assert told.whole == told.last
    assert sum(length.figures.rows for length in told.lengths) == told.whole.rows
    assert sum(bin.rows for bin in told.calibration) == told.whole.rows
    assert told.curve[-1].learned == cases.positive + cases.negative


def test_figures_of_some_moments_are_those_of_their_scores() -> None:
    verdicts = whole().model.verdicts
    second = [(v.label, v.said[1]) for v in verdicts if len(v.said) > 1 and v.said[1] is not None]
    figures = figures_of(verdicts, 2, 2)
    assert figures.rows == figures.cases == len(second)
    assert figures.brier == pytest.approx(np.mean([(label - said) ** 2 for label, said in second]))
    assert figures.auc == figures.auc_by_length


Report = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Report:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "leaves.yml").write_text(TASK, "utf-8")
    lines = b"\n".join(encode_event(event) for event in visits())
    (tmp_path / "events.jsonl").write_bytes(lines)

    def invoke(*words: str, events: str = "events.jsonl") -> Result:
        return CliRunner().invoke(
            app, ["models", "report", "--events", str(tmp_path / events), "--out",
                  str(tmp_path / "out"), "--tasks", str(tmp_path / "tasks"), *words]
        )  # fmt: skip

    return invoke


def test_the_command_writes_figures_and_a_page_that_needs_nothing_else(
    run: Report, tmp_path: Path
) -> None:
    done = run("--share", "0.5")
    assert done.exit_code == 0, done.output
    assert f"leaves: {sum(v.label for v in whole().model.verdicts)} cases of label 1" in done.stdout
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    told = written["tasks"]["leaves"]
    assert (written["v"], told["v"]) == (1, 1)
    model = whole().model
    half = cut(model.verdicts, 0.5)
    assert told["since"] == half
    since = figures_of([v for v in model.verdicts if v.since >= half])
    assert told["last"]["auc"] == pytest.approx(since.auc)
    assert told["events"] == len(list(visits()))
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("Plotly.newPlot") >= 3
    assert 'src="http' not in page
    for title in ("Learning curve", "Calibration", "By prefix length", "Importance", "Drift"):
        assert f"<h2>{title}</h2>" in page


def test_lines_in_another_order_make_the_same_report(run: Report, tmp_path: Path) -> None:
    run()
    before = (tmp_path / "out" / "metrics.json").read_bytes()
    lines = (tmp_path / "events.jsonl").read_bytes().split(b"\n")
    chance = np.random.default_rng(1)
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(chance.permutation(lines)))
    assert run().exit_code == 0
    assert (tmp_path / "out" / "metrics.json").read_bytes() == before


def test_train_until_chooses_the_cases_of_the_last_part(run: Report) -> None:
    done = run("--train-until", (START + timedelta(days=4)).isoformat(), "--json")
    told = json.loads(done.stdout)
    since = int((START + timedelta(days=4)).timestamp() * 1000)
    assert told["last"]["cases"] == sum(v.since >= since for v in whole().model.verdicts)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--train-until", "yesterday"), "--train-until yesterday: write it as"),
        (("--train-until", "2026-03-01"), "write it as 2026-03-01T00:00:00"),
        (("--task", "leave"), "no task 'leave'; did you mean 'leaves'"),
        (("--train-until", "2026-03-01T00:00:00Z", "--share", "0.5"), "not both"),
    ],
)
def test_what_it_cannot_do_is_told(run: Report, words: tuple[str, ...], told: str) -> None:
    done = run(*words)
    assert done.exit_code != 0
    assert told in f"{done.output}{done.exception}"


def test_a_line_that_is_no_event_is_told_with_its_number(run: Report, tmp_path: Path) -> None:
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'\n{"specversion": "1.0"}')
    done = run()
    assert f"events.jsonl:{len(list(visits())) + 1}: missing_field" in str(done.exception)


def test_a_log_without_cases_makes_an_empty_report(run: Report, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_bytes(b"")
    assert run(events="none.jsonl").exit_code == 0
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())["tasks"]["leaves"]
    assert (told["cases"]["started"], told["last"]["auc"], told["curve"]) == (0, None, [])
    assert "too few labels" in (tmp_path / "out" / "report.html").read_text()


def test_a_task_that_is_never_scored_says_what_it_takes(run: Report, tmp_path: Path) -> None:
    few = b"\n".join(encode_event(event) for event in visits(count=30))
    (tmp_path / "few.jsonl").write_bytes(few)
    done = run(events="few.jsonl")
    told = " ".join(done.stdout.split())
    assert "0 of the last part were scored: it takes 40 labels, 5 of 1 and 5 of 0" in told
