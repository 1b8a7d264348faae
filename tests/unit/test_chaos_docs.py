"""docs/reliability.md tells of every fault of the suite, and of none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chaos.registry import FAULTS

TEXT = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text("utf-8")


def test_each_fault_has_its_row() -> None:
    rows = re.findall(r"^\| ([A-Z]+\d*R?M?) \|", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(fault.name for fault in FAULTS)


def test_each_fault_tells_its_story_under_its_name() -> None:
    for fault in FAULTS:
        assert fault.story.startswith(f"{fault.name}. "), fault.name
