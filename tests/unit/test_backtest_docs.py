"""docs/backtest.md says what the code does: its mappings are read, and run where the data is."""

from __future__ import annotations

import os
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from streams.backtest.bad_rows import BadRows
from streams.backtest.expect import Expectations
from streams.backtest.file_input import FileInput
from streams.backtest.forms import parse_form
from streams.backtest.mapping import Mapping
from streams.cli import app
from streams.codec import RawLimits

DOCS = Path(__file__).parents[2] / "docs" / "backtest.md"
TEXT = DOCS.read_text("utf-8")
SECTION = re.compile(r"\n#### [^\n]+\n\n`([\w.]+)`[^`]*?.*?```yaml\n(.*?)```", re.DOTALL)
MAPPINGS = dict(SECTION.findall(TEXT))
DATA = os.environ.get("DATA")


def mapping(name: str) -> Mapping:
    return parse_form(MAPPINGS[name], name, Mapping)[0]


@pytest.mark.parametrize("name", MAPPINGS)
def test_every_mapping_is_one(name: str) -> None:
    assert mapping(name).columns


def test_each_of_the_six_data_sets_has_a_mapping() -> None:
    assert len(MAPPINGS) == 6


@pytest.mark.skipif(DATA is None, reason="DATA=DIR says where the data sets lie")
@pytest.mark.parametrize("name", MAPPINGS)
def test_every_row_of_the_data_set_becomes_an_event(name: str, tmp_path: Path) -> None:
    """But for those that name no account."""
    bad = BadRows(tmp_path / "bad-rows.jsonl")
    source = FileInput([Path(DATA or "") / name], mapping(name), bad, RawLimits(1_000_000, 0))
    events = list(source)
    bad.close()
    assert bad.counts.keys() <= {"no_account"}
    assert len(events) == source.counts["read"] - source.counts["bad"] > 1_000
    assert all(a.at <= b.at for a, b in pairwise(events))
    assert Counter(e.id for e in events).most_common(1)[0][1] == 1
    assert all(event.data for event in events)


def test_the_expectations_are_such() -> None:
    [text] = re.findall(r"```yaml\n(rules:.*?)```", TEXT, re.DOTALL)
    assert parse_form(text, "expect.yml", Expectations)[0].rules


def test_every_option_that_is_named_is_one() -> None:
    group = typer.main.get_command(app)
    command = group.commands["backtest"]  # type: ignore[attr-defined]  # a group has them
    options = {name for option in command.params for name in option.opts}
    named = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert named - options == set()
    assert {o for o in options if o.startswith("--")} - named <= {
        "--calendars", "--json", "--outcome-where", "--processes", "--zone", "--from", "--out",
    }  # fmt: skip


def test_every_field_of_a_mapping_is_in_the_table() -> None:
    table = TEXT.partition("### Mappings")[2].partition("####")[0]
    assert {name for name in Mapping.model_fields if f"`{name}`" not in table} == set()
