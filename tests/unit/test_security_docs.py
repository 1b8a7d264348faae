"""SECURITY.md and docs/security.md name what is there: tests, roles, settings, reasons, targets."""

from __future__ import annotations

import re
from pathlib import Path

from streams.acls import ROLES
from streams.settings import Settings
from tests.unit.test_platform_doors import TARGETS

ROOT = Path(__file__).parent.parent.parent
MODEL = (ROOT / "SECURITY.md").read_text("utf-8")
GUIDE = (ROOT / "docs/security.md").read_text("utf-8")


def test_every_test_that_shows_something_exists() -> None:
    named = re.findall(r"`((?:tests/)?[\w/]*(?:test_\w+|targets)\.py|tests/\w+)`", MODEL)
    assert len(named) > 15
    paths = [name if "/" in name else f"tests/unit/{name}" for name in named]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_defended_door_names_a_test() -> None:
    doors = [line for line in MODEL.splitlines() if line.startswith("| ")][1:]
    assert len(doors) > 10
    assert [door for door in doors if "`t" not in door.rsplit("|", 2)[1]] == []


def test_the_guide_lists_the_roles() -> None:
    listed = set(re.findall(r"^\| `(\w+)`", GUIDE, re.M))
    assert listed | {"ingest", "follow", "learn"} == set(ROLES)


def test_settings_and_targets_that_are_named_exist() -> None:
    settings = {f"PATHLINE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"PATHLINE_[A-Z_]+", GUIDE + MODEL)) <= settings
    assert set(re.findall(r"`make (\w+)`", GUIDE + MODEL)) <= TARGETS
