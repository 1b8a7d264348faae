"""What a command prints: text on a terminal, JSON with --json; and how it ends."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line, for programs.")]

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


class Exit(IntEnum):
    """Exit codes of every command."""

    FINE = 0
    FINDINGS = 1
    BAD_RULE = 2
    BAD_SETTING = 3


def print_json(value: Any) -> None:
    """One object, one line, on standard output."""
    sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")
    sys.stdout.flush()
