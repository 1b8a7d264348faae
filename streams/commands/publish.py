"""`pathline rules diff | publish | rollback`: what changes, and how workers come to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from models.errors import BadSetting, Unavailable
from rules.check import check
from rules.diff import Difference, diff
from rules.lint import lint
from rules.loader import RuleBook, load
from streams.appender import SoleAppender
from streams.clock import SystemClock
from streams.commands.rule_options import Calendars, Folder, Overlay
from streams.console import Exit, Json, out, print_json
from streams.keyring import Signer, load_keyring
from streams.published import (
    HISTORY_KEY,
    Change,
    Fetch,
    find_digest,
    load_history,
    load_published,
    publish,
    publisher_id,
    rollback,
)
from streams.reader import find_topic
from streams.settings import Settings, load_settings
from streams.shelf import fetch_from
from streams.topics import Topics

DAY_MS = 86_400_000
SIDE = "A folder of rules, the digest of a published set or its beginning, or `published`."


def run_diff(
    old: Annotated[str, typer.Argument(help=SIDE)],
    new: Annotated[str, typer.Argument(help=SIDE)],
    calendars: Calendars = None,
    overlay: Overlay = None,
    json: Json = False,
) -> None:
    """Tell what a rule set changes against another one, and what becomes of open cases; exit code
    1 when they differ.

    \b
    Examples:
      pathline rules diff published rules/library
      pathline rules diff old-rules new-rules --json | jq .fields
    """
    settings = load_settings()
    sides = [_side(settings, side, calendars, overlay) for side in (old, new)]
    found = diff(sides[0], sides[1])
    for difference in found:
        if json:
            print_json(asdict(difference) | {"fields": [f._asdict() for f in difference.fields]})
        else:
            _show(difference)
    if not json:
        out.print(f"{sides[0].digest[:12]} to {sides[1].digest[:12]}: {len(found)} differences")
    raise typer.Exit(Exit.FINDINGS if found else Exit.FINE)


def run_publish(
    rules: Folder = None,
    calendars: Calendars = None,
    overlay: Overlay = None,
    json: Json = False,
) -> None:
    """Publish a rule set and activate it in every partition; workers need no restart.

    It is loaded, linted and tested first; with a fault, a finding or a test
    that fails nothing is written. From then on workers follow what is
    published and no longer their own folders.
    """
    settings = load_settings()
    folders = rules or settings.rules, calendars or settings.calendars
    book = load(*folders, overlay or settings.overlay)
    _prove(settings, load(*folders), book)

    async def run() -> Change:
        async with _writing(settings) as (fetch, appender):
            return await publish(settings, book, fetch, appender)

    _tell(asyncio.run(run()), "published", json)


def run_rollback(
    digest: Annotated[
        str | None, typer.Argument(help="Of a set that was published; default: the one before.")
    ] = None,
    json: Json = False,
) -> None:
    """Activate the rule set that was published before the active one, or an earlier one."""
    settings = load_settings()

    async def run() -> Change:
        async with _writing(settings) as (fetch, appender):
            return await rollback(settings, digest, fetch, appender)

    _tell(asyncio.run(run()), "back to", json)


def _prove(settings: Settings, plain: RuleBook, book: RuleBook) -> None:
    """Ends with exit code 1 and what was found. plain: without the overlay, for the tests."""
    found = lint(book, round(settings.interactions_retention_d * DAY_MS))
    faults = [str(finding) for finding in found if finding.level == "finding"]
    faults += [str(outcome) for outcome in check(plain) if not outcome.passed]
    if not faults:
        return
    for fault in faults:
        out.print(fault, markup=False, highlight=False)
    out.print(f"nothing was published: {len(faults)} findings and failed tests")
    raise typer.Exit(Exit.FINDINGS)


@asynccontextmanager
async def _writing(settings: Settings) -> AsyncIterator[tuple[Fetch, SoleAppender]]:
    """Where sets are read and written, by one at a time: another one that is still at it ends.
    Raises BadSetting when the topics are not there.
    """
    topics, keyring = Topics(settings), load_keyring(settings.control_key_file)
    for topic in (topics.rules, topics.interactions):
        await find_topic(settings, topic.name)
    signer = Signer(keyring, SystemClock()) if keyring else None
    appender = SoleAppender(settings, publisher_id(settings), signer)
    try:
        await appender.start()
        yield fetch_from(settings, topics.rules.name, keyring), appender
    finally:
        await appender.stop()


def _side(settings: Settings, side: str, calendars: Path | None, overlay: Path | None) -> RuleBook:
    """A folder that is there is a folder; else something published."""
    if Path(side).is_dir():
        return load(Path(side), calendars or settings.calendars, overlay or settings.overlay)

    async def run() -> RuleBook:
        keyring = load_keyring(settings.control_key_file)
        fetch = fetch_from(settings, Topics(settings).rules.name, keyring)
        history = await load_history(fetch)
        if side == HISTORY_KEY and not history:
            raise BadSetting("no rule set was ever published")
        if len(side) == 64:
            return await load_published(fetch, side)
        digest = history[-1] if side == HISTORY_KEY else find_digest(history, side)
        return await load_published(fetch, digest)

    try:
        return asyncio.run(run())
    except Unavailable as error:
        raise Unavailable(f"{side} is no folder here, and {error}") from None


def _show(difference: Difference) -> None:
    cases = {
        "go on": "open cases go on",
        "expire": "open cases end, their alerts expire",
        "finish": "open cases finish under the old version",
        "migrate": "open cases are measured anew",
        "begin": "begins to run",
        "none": "",
    }[difference.cases]
    line = f"{difference.change:8} {difference.what} {difference.name}"
    out.print(f"{line}: {cases}" if cases else line, markup=False, highlight=False)
    for field in difference.fields:
        text = f"           {field.path}: {field.old!r} to {field.new!r}"
        out.print(text, markup=False, highlight=False)


def _tell(change: Change, what: str, json: bool) -> None:
    if json:
        print_json(change._asdict())
        return
    was = f", before it {change.was[:12]}" if change.was else ""
    out.print(f"{what} {change.digest}{was}; activated in {change.partitions} partitions")
