"""Tasks from files: those that ship, and every fault where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from models.errors import BadRule, BadSetting
from models.task import Task
from rules.loader import RuleBook, load
from rules.task_book import load_tasks

RULES = Path(__file__).parents[2] / "rules"
HERE = "⟦"  # in a test's text: the fault must be told at the next character
TASK = """\
id: renewal
version: 1.0.0
title: The contract is renewed
case: [data.ticket]
starts: [{type: incident.opened, where: data.priority < 3}]
positive: [{alert: incident.resolution-5bd, state: firing}]
negative: [{type: incident.closed}]
horizon: 60d
score_at: [incident.opened]
features:
  calendar: service-desk
  half_lives: [1d, 1w]
learner: logistic
"""


@pytest.fixture(scope="module")
def book() -> RuleBook:
    return load(RULES / "library", RULES / "calendars")


def read(folder: Path, text: str, book: RuleBook, name: str = "renewal") -> Mapping[str, Task]:
    (folder / f"{name}.yml").write_text(text)
    return load_tasks(folder, book)


def test_the_tasks_that_ship(book: RuleBook) -> None:
    tasks = load_tasks(RULES / "tasks", book)

    assert set(tasks) == {"conversion", "sla-breach", "journey-break", "silence"}
    assert tasks["silence"].at_horizon == "positive"


def test_a_task_as_it_is_written(tmp_path: Path, book: RuleBook) -> None:
    task = read(tmp_path, TASK, book)["renewal"]

    assert task.horizon.amount == 60 * 86_400_000
    assert task.minimum.cases == 200
    assert task.at_horizon == "censored"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("learner: logistic", "learner: ⟦logistics", "did you mean 'logistic'?"),
        ("alert: incident", "alert: ⟦incidents", "did you mean 'incident.resolution-5bd'?"),
        ("horizon: 60d", "horizon: ⟦2bd", "wall time above zero is wanted here"),
        ("horizon: 60d", "⟦horizn: 60d", "did you mean 'horizon'?"),
        ("data.priority < 3", "data.priority <⟦< 3", "where"),
        ("calendar: service-desk", "calendar: ⟦servicedesk", "did you mean 'service-desk'?"),
        ("[1d, 1w]", "⟦[1w, 1d]", "half-lives rise"),
        ("[data.ticket]", "⟦[data.ticket, data.ticket]", "stands here twice"),
        ("[incident.opened]", "[⟦Incident]", "an event type is dotted lower case"),
        ("id: renewal", "id: ⟦renewals", "the file is called renewal.yml"),
        (
            "{alert: incident.resolution-5bd, state: firing}",
            "{alert: ⟦trial.silent-to-day-11, state: firing}",
            "do not tell data.ticket",
        ),
        (
            "{alert: incident.resolution-5bd, state: firing}",
            "{alert: incident.reassigned-three-times, state: ⟦resolved}",
            "has no end",
        ),
    ],
)
def test_a_fault_is_told_where_it_stands(
    tmp_path: Path, book: RuleBook, old: str, new: str, message: str
) -> None:
    assert old in TASK
    marked = TASK.replace(old, new, 1)
    before = marked[: marked.index(HERE)]
    where = f":{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "

    with pytest.raises(BadRule) as refused:
        read(tmp_path, marked.replace(HERE, ""), book)

    assert any(where in line and message in line for line in str(refused.value).splitlines())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("negative: [{type: incident.closed}]\n", "a learner needs both labels"),
        ("positive: [{alert: incident.resolution-5bd, state: firing}]\n", "at_horizon: positive"),
    ],
)
def test_a_task_needs_both_labels(tmp_path: Path, book: RuleBook, line: str, message: str) -> None:
    with pytest.raises(BadRule, match=message):
        read(tmp_path, TASK.replace(line, ""), book)


def test_two_files_with_one_id(tmp_path: Path, book: RuleBook) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "renewal.yml").write_text(TASK)
    with pytest.raises(BadRule, match="another file has the same id"):
        read(tmp_path, TASK, book)


def test_a_folder_without_tasks(tmp_path: Path, book: RuleBook) -> None:
    with pytest.raises(BadSetting, match="PATHLINE_TASKS"):
        load_tasks(tmp_path, book)
    with pytest.raises(BadSetting, match="is not a folder"):
        load_tasks(tmp_path / "nowhere", book)


def test_the_example_of_the_docs_is_the_task_that_ships(tmp_path: Path, book: RuleBook) -> None:
    page = (RULES.parent / "docs" / "scores.md").read_text()
    start = page.index("    id: sla-breach")
    example = dedent(page[start : page.index("\n\n", start)])

    task = read(tmp_path, example, book, name="sla-breach")["sla-breach"]

    assert task == load_tasks(RULES / "tasks", book)["sla-breach"]
