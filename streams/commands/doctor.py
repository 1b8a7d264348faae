"""`pathline doctor`: is all well, and if not, what to do."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import typer
from rich.text import Text

from models.errors import Unavailable
from streams.console import Exit, Json, out, print_json
from streams.diagnosis import Check, Verdict, diagnose
from streams.settings import load_settings


def doctor(json: Json = False) -> None:
    """Check broker, topics, worker and lag; a hint for each finding.

    Exit code 0: all is fine. 1: something is not, a hint says what to
    do. 3: no broker answers, so nothing else could be looked at.

    \b
    Examples:
      pathline doctor
      pathline doctor --json | jq -r 'select(.verdict == "wrong").hint'
    """
    try:
        checks = asyncio.run(diagnose(load_settings()))
        wrong = Exit.FINDINGS
    except Unavailable as error:
        checks = [Check("broker", Verdict.WRONG, str(error), "Nothing else was looked at.")]
        wrong = Exit.BAD_SETTING
    for check in checks:
        if json:
            print_json(asdict(check))
        else:
            out.print(line(check))
    raise typer.Exit(wrong if any(c.verdict is Verdict.WRONG for c in checks) else Exit.FINE)


def line(check: Check) -> Text:
    """
    >>> print(line(Check("broker", Verdict.FINE, "it answers")))
    fine   broker      it answers
    """
    style = "green" if check.verdict is Verdict.FINE else "red"
    text = Text(f"{check.verdict:6} ", style).append(f"{check.name:11} ", "bold")
    text.append(check.found)
    return text.append(f"\n       {'':11} {check.hint}", "yellow") if check.hint else text
