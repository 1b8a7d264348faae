"""`pathline tail`: what is on a topic, one readable line a record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

import typer

from streams.console import Json, out, print_json
from streams.reader import Reader, Stored, append_order, find_topic, open_reader
from streams.record_text import record_json, record_text
from streams.settings import Settings, load_settings

NEWEST = 10  # records that are shown when nothing else is asked for
HOLES = 3  # offsets looked at for each record wanted: a transaction takes one for its end


def tail(
    topic: Annotated[str, typer.Argument(help="A topic, by its full or short name.")],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as records come, until Ctrl-C.")
    ] = False,
    most: Annotated[
        int | None, typer.Option("--max", min=1, help="Stop after so many records.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the newest records of a topic, readable.

    Alerts, events, dead letters and control records each have a form
    of their own; --json prints a record whole. Only what is committed
    is shown, in order of append time. Nothing is marked as read.

    \b
    Examples:
      pathline tail signals
      pathline tail sla-breaches --from-beginning --json | jq .value.why
      pathline tail interactions --follow
      pathline tail pathline.dead-letters.v1 --max 3
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_tail(load_settings(), topic, from_beginning, follow, most, json))


async def _tail(
    settings: Settings,
    topic: str,
    from_beginning: bool,
    follow: bool,
    most: int | None,
    json: bool,
) -> None:
    name = await find_topic(settings, topic)
    shown = 0
    async with open_reader(settings, name) as reader:
        async for record in _records(reader, from_beginning, follow, most or NEWEST):
            if json:
                print_json(record_json(record))
            else:
                out.print(record_text(record))
            shown += 1
            if shown == most:
                return


async def _records(
    reader: Reader, from_beginning: bool, follow: bool, newest: int
) -> AsyncIterator[Stored]:
    if from_beginning:
        async for record in reader.to_end():
            yield record
    else:
        for record in await load_newest(reader, newest):
            yield record
    if follow:
        async for record in reader.onward():
            yield record


async def load_newest(reader: Reader, count: int) -> list[Stored]:
    """The newest `count` records of all partitions, oldest first.

    Looks back `HOLES * count` offsets, so it finds fewer where more of them are holes.
    """
    back = HOLES * count
    reader.seek({tp: max(reader.begins[tp], end - back) for tp, end in reader.ends.items()})
    found = [record async for record in reader.to_end()]
    return sorted(found, key=append_order)[-count:]
