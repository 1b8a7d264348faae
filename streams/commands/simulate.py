"""`pathline simulate`: the seeded simulator's events, into a file or a topic."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated

import typer

from models.errors import BadSetting
from models.event import CloudEvent
from streams.codec import encode_event
from streams.commands.send import Rate, end, send_lines
from streams.console import Json
from streams.jsonl import STANDARD, Line
from streams.settings import load_settings
from streams.simulator import DAYS_MIN, START, simulate


def command(
    seed: Annotated[int, typer.Option(help="Another seed, other events.")] = 7,
    accounts: Annotated[int, typer.Option(min=1, max=9_999, help="So many accounts.")] = 100,
    days: Annotated[int, typer.Option(min=DAYS_MIN, max=366, help="So many days.")] = 28,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day, local to each account.")
    ] = f"{START}",  # type: ignore[assignment]  # typer parses it
    out: Annotated[str, typer.Option(help="File for JSONL; - is standard output.")] = STANDARD,
    topic: Annotated[
        str | None, typer.Option(help="Send them into this topic (raw, say) instead.")
    ] = None,
    rate: Rate = None,
    json: Json = False,
) -> None:
    """Simulate B2B accounts: pages, papers, trials, contracts, tickets.

    Writes CloudEvents as JSON, one a line, sorted by time. The same
    arguments give the same events. Among everyday noise the accounts
    play the signals that the rules of the demo watch for, and near
    misses that must stay silent.

    \b
    Examples:
      pathline simulate --accounts 3 | head
      pathline simulate --seed 42 --days 60 --out events.jsonl
      pathline simulate --accounts 500 --topic raw --rate 1000
    """
    if topic is None and rate is not None:
        raise typer.BadParameter("--rate needs --topic: a file is written at once")
    if topic is not None and out != STANDARD:
        raise typer.BadParameter("give --out or --topic, not both")
    events = simulate(seed, accounts, start.date(), days)
    if topic is None:
        write(events, out)
    else:
        sending = send_lines(load_settings(), topic, _lines(events), rate, json=json)
        end(asyncio.run(sending), json)


def write(events: Iterator[CloudEvent], name: str) -> None:
    """One event a line. Raises BadSetting when the file cannot be written."""
    try:
        standard = nullcontext[IO[bytes]](sys.stdout.buffer)
        with standard if name == STANDARD else Path(name).open("wb") as file:
            for line in _lines(events):
                file.write(line.value + b"\n")
            file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BadSetting(f"{name} cannot be written: {error.strerror}") from None


def _lines(events: Iterator[CloudEvent]) -> Iterator[Line]:
    for number, event in enumerate(events, 1):
        yield Line(number, event.subject.encode(), encode_event(event))
