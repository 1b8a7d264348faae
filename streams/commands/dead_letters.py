"""`pathline dead-letters`: rejected records, and their way back."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import typer

from streams.console import Json, out, print_json
from streams.dead_letters import load_letters, replay
from streams.reader import find_topic
from streams.record_text import dead_text, record_json
from streams.settings import Settings, load_settings
from streams.topics import Topics

app = typer.Typer(
    no_args_is_help=True,
    help="Records that the worker could not use: list them, and send them back once mended.",
)
Reason = Annotated[
    str | None, typer.Option(help="Only those with this reason, such as time_in_future.")
]


@app.command("list")
def show(reason: Reason = None, json: Json = False) -> None:
    """Show each dead letter: why, from where, its key, and if it was replayed.

    --json prints it whole, with its original value.

    \b
    Examples:
      pathline dead-letters list
      pathline dead-letters list --reason not_json --json
    """
    asyncio.run(_show(load_settings(), reason, json))


@app.command("replay")
def send_back(
    reason: Reason = None,
    to: Annotated[
        str | None, typer.Option(help="Another topic than the one that each came from.")
    ] = None,
    json: Json = False,
) -> None:
    """Send dead letters back: original bytes and headers, to their source topic.

    Each goes back once: in the same transaction a note among the dead
    letters says so, and `list` shows it. To try again after another
    rejection is fine, that made a new dead letter.

    \b
    Examples:
      pathline dead-letters replay --reason time_in_future
      pathline dead-letters replay --reason not_json --to raw.mended.v1
    """
    settings = load_settings()
    sent = asyncio.run(_send_back(settings, reason, to))
    if json:
        print_json({"replayed": sent})
        return
    for topic, count in sent.items():
        out.print(f"{count:,} replayed to {topic}")
    if not sent:
        out.print("Nothing to replay.")


async def _show(settings: Settings, reason: str | None, json: bool) -> None:
    await find_topic(settings, Topics(settings).dead_letters.name)
    reasons: Counter[str] = Counter()
    async for letter in load_letters(settings, reason):
        reasons[letter.told["reason"]] += 1
        if json:
            print_json(record_json(letter.record) | {"replayed": letter.replayed})
        else:
            out.print(dead_text(letter.record).append("  (replayed)" if letter.replayed else ""))
    if not json:
        told = ", ".join(f"{count:,} {name}" for name, count in reasons.most_common())
        out.print(f"{reasons.total():,} dead letters" + (f": {told}" if told else ""))


async def _send_back(settings: Settings, reason: str | None, to: str | None) -> Counter[str]:
    await find_topic(settings, Topics(settings).dead_letters.name)
    return await replay(settings, reason, await find_topic(settings, to) if to else None)
