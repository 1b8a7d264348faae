"""`pathline erase`: forget an account."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.errors import BadSetting
from streams.clock import SystemClock
from streams.console import Json, out, print_json
from streams.erasure import Erased, check_account, erase
from streams.settings import load_settings


def command(
    account: Annotated[str, typer.Option(help="The account, as events name it: their subject.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0.0, help="Seconds that a worker may take.")
    ] = 60.0,
    json: Json = False,
) -> None:
    """Erase an account: state, deadlines, remembered ids, states of alerts.

    A worker must run: it holds the state. Topics that keep records for a
    time keep those of the account until that time is over; which, and until
    when, is printed. Events that come later make a new account.

    \b
    Examples:
      pathline erase --account acme
      pathline erase --account acme --yes --json | jq '.kept[].until'
    """
    check_account(account)
    if not yes:
        if json:
            raise BadSetting("--json asks nobody: add --yes")
        typer.confirm(f"Erase {account}? It cannot be undone", abort=True)
    erased = asyncio.run(erase(load_settings(), account, SystemClock(), wait_s))
    if json:
        print_json(erased._asdict() | {"kept": [kept._asdict() for kept in erased.kept]})
    else:
        show(erased)


def show(erased: Erased) -> None:
    """For people."""
    out.print(
        f"Erased at offset {erased.offset} of partition {erased.partition};"
        f" {erased.alerts} states of alerts deleted. Still there, at the latest until:"
    )
    table = Table("topic", "what", "until", box=SIMPLE_HEAD)
    for kept in erased.kept:
        until = kept.until.isoformat(" ", "minutes") if kept.until else "for ever: no limit is set"
        table.add_row(kept.topic, kept.what, until)
    out.print(table)
