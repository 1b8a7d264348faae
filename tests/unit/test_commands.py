"""Commands that need no broker, and the help of all."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.errors import BadSetting
from streams.cli import app
from streams.codec import RawLimits
from streams.jsonl import Line, read_lines

COMMANDS = [
    "demo",
    "simulate",
    "send",
    "tail",
    "dead-letters list",
    "dead-letters replay",
    "doctor",
    "erase",
]
LIMITS = RawLimits(bytes_max=1_000_000, skew_ms=0)
NOW_MS = 1_790_000_000_000  # later than all that is simulated here


def run(*args: str) -> Result:
    return CliRunner().invoke(app, args)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    _, _, examples = result.output.partition("Examples:")
    assert f"pathline {command}" in examples


def test_simulated_events_can_be_sent(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    result = run("simulate", "--accounts", "20", "--days", "15", "--out", str(path))
    assert result.exit_code == 0
    with path.open("rb") as file:
        lines = list(read_lines(file, LIMITS, NOW_MS))
    assert len(lines) > 100
    assert all(isinstance(line, Line) for line in lines)


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    arguments = ("simulate", "--accounts", "5", "--start", "2026-03-09", "--seed", "3")
    path = tmp_path / "events.jsonl"
    assert run(*arguments, "--out", str(path)).exit_code == 0
    once = run(*arguments).stdout_bytes
    assert once == path.read_bytes()
    assert once != run(*arguments[:-1], "4").stdout_bytes
    assert b'"time":"2026-03-0' in once.splitlines()[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--days", "14"),
        ("--accounts", "0"),
        ("--start", "yesterday"),
        ("--rate", "5"),
        ("--topic", "raw", "--out", "x"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: tuple[str, ...]) -> None:
    result = run("simulate", *arguments)
    assert result.exit_code != 0
    assert "Error" in result.output


def test_a_file_that_cannot_be_written_is_told_by_name(tmp_path: Path) -> None:
    result = run("simulate", "--out", str(tmp_path / "no folder" / "x.jsonl"))
    assert isinstance(result.exception, BadSetting)
    assert "x.jsonl cannot be written: No such file" in str(result.exception)
