"""`pathline`: the command line. Each command is a file in `commands/`; this is their list."""

from __future__ import annotations

import sys

import typer

from models.errors import BadRule, BadSetting, Unavailable
from streams.commands import (
    backtest,
    broker,
    dead_letters,
    demo,
    doctor,
    erase,
    models,
    rules,
    send,
    settings,
    simulate,
    tail,
    topics,
    worker,
)
from streams.console import Exit, err

app = typer.Typer(
    name="pathline",
    help="Watches what customers do, account by account, and says within seconds when something"
    " that should have happened did not.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("settings")(settings.show)
app.command("worker")(worker.run)
app.add_typer(broker.app, name="broker")
app.add_typer(rules.app, name="rules")
app.add_typer(models.app, name="models")
app.add_typer(topics.app, name="topics")
app.command("demo")(demo.demo)
app.command("backtest")(backtest.backtest)
app.command("simulate")(simulate.command)
app.command("send")(send.send)
app.command("tail")(tail.tail)
app.add_typer(dead_letters.app, name="dead-letters")
app.command("doctor")(doctor.doctor)
app.command("erase")(erase.command)


@app.callback()
def root() -> None:
    """Settings come from PATHLINE_… variables; `pathline settings` prints them."""


def main() -> None:
    """Run a command; errors that a person can mend become one message and an exit code."""
    try:
        app()
    except BadRule as error:
        err.print(str(error), style="red", markup=False)
        sys.exit(Exit.BAD_RULE)
    except (BadSetting, Unavailable) as error:
        err.print(str(error), style="red", markup=False)
        sys.exit(Exit.BAD_SETTING)
