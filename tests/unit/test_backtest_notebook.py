"""`run` from Python, and the notebook that shows it: each cell of it works."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from models.errors import BadSetting
from streams.backtest import run
from tests.story import COMMON, TESTS

DOCS = Path(__file__).parent.parent.parent / "docs"
RULE = {"id": "trial.ended", "kind": "signal", "on": {"type": "trial.ended"}}
EVENT = {"specversion": "1.0", "id": "1", "source": "//crm", "type": "trial.ended",
         "time": "2026-03-02T09:00:00Z", "subject": "acme"}  # fmt: skip


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    text = yaml.safe_dump({**COMMON, "tests": TESTS, **RULE})
    (folder / "trial.ended.yml").write_text(text, "utf-8")
    return folder


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(EVENT) + "\n{}\n", "utf-8")
    return path


def test_run_gives_frames_and_keeps_no_files(rules: Path, events: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    found = run(events, rules, outcome="trial.ended", horizon="1d")
    assert found.alerts.select("rule", "account", "state").rows() == [
        ("trial.ended", "acme", "firing")
    ]
    assert found.outcomes["account"].to_list() == ["acme"]
    assert found.rules is not None
    assert found.bad_rows.select("line", "reason").rows() == [(2, "missing_field")]
    assert found.summary["events"] == 1
    assert set(tmp_path.iterdir()) == before


def test_run_keeps_files_where_that_is_asked_for(rules: Path, events: Path, tmp_path: Path) -> None:
    run([events], str(rules), out=tmp_path / "out", name="q1")
    summary = json.loads((tmp_path / "out/summary.json").read_bytes())
    assert summary["run"] == "q1"


def test_an_instant_without_a_zone_is_refused(rules: Path, events: Path) -> None:
    with pytest.raises(BadSetting, match="an instant needs its zone"):
        run(events, rules, since=datetime(2026, 3, 2))  # noqa: DTZ001 - that is what is refused
    found = run(events, rules, since=datetime(2026, 3, 3, tzinfo=UTC))
    assert found.summary["input"]["outside"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of jupyter's own packages
def test_every_cell_of_the_notebook_works_and_says_something() -> None:
    notebook = nbformat.read(DOCS / "backtest.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # as it is kept
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(DOCS)}}).execute()
    shown = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert [bool(outputs) for outputs in shown] == [False, True, True, True, True]
    table = shown[1][0]["data"]["text/plain"]
    assert "firing" in table
