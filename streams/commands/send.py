"""`pathline send`: a file of CloudEvents into a topic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, NamedTuple

import typer
from rich.progress import Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from models.errors import BadInput
from streams.clock import SystemClock
from streams.codec import RawLimits
from streams.console import Exit, Json, err, out, print_json
from streams.jsonl import HEADERS, STANDARD, BadLine, Line, open_lines, read_lines
from streams.reader import find_topic
from streams.record_text import shown
from streams.sender import Sender
from streams.settings import Settings, load_settings

Rate = Annotated[
    float | None,
    typer.Option(min=0.01, help="Events per second at most; without it, as fast as Kafka goes."),
]
Lines = Iterator[Line | BadLine]


class Sending(NamedTuple):
    """How a sending ended."""

    topic: str
    sent: int
    bad: int


def send(
    file: Annotated[str, typer.Argument(help="JSONL, plain or gzip; - is standard input.")],
    topic: Annotated[str, typer.Option(help="A topic, by its full or short name.")] = "raw",
    rate: Rate = None,
    json: Json = False,
) -> None:
    """Send a file of CloudEvents, one JSON object a line, into Kafka.

    The record's key is the event's `subject`, the account; its value
    is the line as it is. A line that the worker would reject is told
    with its number and left out, the others are sent, and the exit
    code is 1.

    \b
    Examples:
      pathline send events.jsonl
      pathline send yesterday.jsonl.gz --rate 500
      pathline simulate --accounts 10 | pathline send - --topic raw
    """
    settings = load_settings()
    limits = RawLimits(settings.record_bytes_max, round(settings.future_skew_s * 1000))
    with open_lines(file) as opened:
        lines = read_lines(opened, limits, SystemClock().wall_ms())
        sending = asyncio.run(
            send_lines(settings, topic, lines, rate, json=json, waits=file == STANDARD)
        )
    end(sending, json)


def end(sending: Sending, json: bool) -> None:
    """Tell how it went, and leave with the exit code."""
    if json:
        print_json(sending._asdict())
    else:
        told = f"{sending.sent:,} events sent to {sending.topic}"
        out.print(f"{told}, {sending.bad:,} bad lines left out" if sending.bad else told)
    raise typer.Exit(Exit.FINDINGS if sending.bad else Exit.FINE)


async def send_lines(
    settings: Settings,
    topic: str,
    lines: Lines,
    rate: float | None = None,
    *,
    json: bool = False,
    waits: bool = False,
) -> Sending:
    """Send what can be sent, tell what cannot. waits: the next line may be long in coming."""
    name = await find_topic(settings, topic)
    bad = 0
    with _progress() as told:
        async with Sender(settings, name, SystemClock(), rate) as sender:
            async for line in _arriving(lines, waits):
                if fault := await _send_line(sender, line):
                    bad += 1
                    _tell(fault, json)
                told(sender.sent)
    return Sending(name, sender.sent, bad)


async def _arriving(lines: Lines, waits: bool) -> AsyncIterator[Line | BadLine]:
    """A line that is waited for must not hold up those that are on their way to the broker."""
    while line := await asyncio.to_thread(next, lines, None) if waits else next(lines, None):
        yield line


async def _send_line(sender: Sender, line: Line | BadLine) -> BadLine | None:
    if isinstance(line, BadLine):
        return line
    try:
        await sender.send(line.key, line.value, HEADERS)
    except BadInput as error:
        return BadLine(line.number, error.reason, error.detail)
    return None


def _tell(fault: BadLine, json: bool) -> None:
    if json:
        print_json({"line": fault.number, "reason": fault.reason, "detail": fault.detail})
    else:
        text = f"line {fault.number}: {fault.reason}: {shown(fault.detail)}"
        err.print(text, style="red", markup=False, highlight=False)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """On a terminal, how many events have gone and how fast."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} events sent"),
        TaskProgressColumn(show_speed=True),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda sent: progress.update(task, completed=sent)
