"""The Makefile is the only door: CI and hooks go through it, and it says what it has."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.M)[0].split())


def make(*arguments: str) -> str:
    """What a make of its own prints, also when make runs these tests."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", *arguments]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return run.stdout


def test_help_is_the_default_and_lists_every_target() -> None:
    assert make() == make("help")
    assert {line.split()[0] for line in make("help").splitlines()} == TARGETS


def test_make_test_checks_everything_and_then_runs_all_tests_once() -> None:
    steps = make("-n", "-o", "venv", "test")
    assert [tool for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports")
            if tool not in steps] == []  # fmt: skip
    assert steps.rstrip().endswith("-m pytest -q")
    assert steps.count("pytest") == 1


def test_ci_is_make_test_from_anywhere() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-1] == "make test"
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_each_hook_is_a_target() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"].split() for repo in config["repos"] for hook in repo["hooks"]]
    assert entries
    assert [entry for entry in entries if entry[0] != "make" or entry[1] not in TARGETS] == []
