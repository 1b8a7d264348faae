"""`pathline rules explain`: why a rule fired for an account or did not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from models.duration import Duration
from models.errors import BadSetting
from models.event import Event, to_ms
from rules.explain import explain, standing_of
from rules.explaining.moments import Entry, Explanation, Moment, Passed
from rules.form_faults import did_you_mean
from rules.loader import RuleBook, load
from rules.ruleset import RuleSet, compile_rules
from streams.account_log import read_file, read_kept, read_log
from streams.clock import SystemClock
from streams.console import Json, out, print_json
from streams.erasure import check_account
from streams.settings import Settings, load_settings

INDENT = " " * 4


def command(
    rule: Annotated[str, typer.Argument(help="Id of a rule.")],
    account: Annotated[str, typer.Option(help="The account, as events name it: their subject.")],
    at: Annotated[
        str | None, typer.Option(help="As things stood then: 2026-03-02T09:00:00+08:00.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A file of CloudEvents, one a line, - for standard input;"
            " default: the topics of the running workers.",
        ),
    ] = None,
    back: Annotated[
        str, typer.Option(help="How far back the workers' log is read: 12h, 30d.")
    ] = "30d",
    rules: Annotated[
        Path | None, typer.Option("--rules", help="With --from: folder of rule files.")
    ] = None,
    calendars: Annotated[
        Path | None, typer.Option("--calendars", help="With --from: folder of calendars.")
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", help="With --from: overlay on the rules.")
    ] = None,
    json: Json = False,
) -> None:
    """Say why a rule fired for an account or did not: every event that it read, which conditions
    held, the values seen, what is open, the next deadline.

    From running workers: the rule set that is active there, what they keep
    of the account, and the part of the log that --back reaches. Nothing is
    asked of the workers themselves.

    \b
    Examples:
      pathline rules explain trial.silent-to-day-11 --account acme
      pathline rules explain trial.silent-to-day-11 --account acme --from events.jsonl --json
    """  # fmt: skip
    check_account(account)
    settings, until_ms = load_settings(), _instant(at)
    if source is None:
        found, said = asyncio.run(_from_workers(settings, rule, account, until_ms, _back_ms(back)))
    else:
        folders = rules or settings.rules, calendars or settings.calendars
        running = _running(load(*folders, overlay or settings.overlay), rule)
        entries = _until(read_file(source, account, settings), until_ms)
        found = explain(running, rule, account, entries, int(settings.lateness_s * 1000))
        said = f"from {source}"
    if json:
        deadline = {"fired": found.fired, "next_deadline": found.next_deadline}
        print_json({**asdict(found), **deadline, "source": said})
        return
    for line in _lines(found, said):
        out.print(line, markup=False, highlight=False)


async def _from_workers(
    settings: Settings, rule: str, account: str, until_ms: int | None, back_ms: int
) -> tuple[Explanation, str]:
    """The log says how it came about, the state how it stands now."""
    kept = await read_kept(settings, account)
    running = _running(kept.book, rule)
    since_ms = (until_ms or SystemClock().wall_ms()) - back_ms
    entries = await read_log(settings, account, kept, since_ms)
    lateness_ms = int(settings.lateness_s * 1000)
    found = explain(running, rule, account, _until(entries, until_ms), lateness_ms)
    said = (
        f"from the workers of {settings.app_id}: partition {kept.partition} up to offset"
        f" {kept.next}, rule set {kept.book.digest[:12]}; log since"
        f" {datetime.fromtimestamp(since_ms // 1000).astimezone().isoformat(' ')}"
    )
    if until_ms is None:
        standing = standing_of(running, rule, kept.account, kept.context)
        found = replace(found, standing=standing)
    return found, said


def _until(entries: Iterable[Entry], until_ms: int | None) -> Iterator[Entry]:
    """What had happened by then, and the clock at that instant."""
    if until_ms is None:
        yield from entries
        return
    yield from takewhile(
        lambda entry: not isinstance(entry, Passed) or entry.clock_ms <= until_ms,
        (e for e in entries if not isinstance(e, Event) or e.at <= until_ms),
    )
    yield Passed(until_ms)


def _running(book: RuleBook, rule: str) -> RuleSet:
    """Raises BadSetting for a rule that is not there or does not run."""
    if rule not in book.documents:
        raise BadSetting(f"no rule {rule!r}; {did_you_mean(rule, book.documents)}")
    running = compile_rules(book)
    if rule not in running.rules:
        status = book.documents[rule].value["status"]
        raise BadSetting(f"{rule} is {status}: it does not run, so there is nothing to explain")
    return running


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = datetime.min  # noqa: DTZ901 - has no offset, so it is refused below
    if instant.tzinfo is None:
        raise BadSetting(f"--at {text}: write date, time and offset: 2026-03-02T09:00:00+08:00")
    return to_ms(instant)


def _back_ms(text: str) -> int:
    try:
        duration = Duration.parse(text)
    except ValueError as error:
        raise BadSetting(f"--back: {error}") from None
    if duration.business:
        raise BadSetting(f"--back {text}: wall time is wanted here (h, d, w)")
    return duration.amount


def _lines(found: Explanation, said: str) -> Iterator[str]:
    """For people."""
    yield f"{found.rule} {found.version} for {found.account}, {said}"
    yield f"the clock stands at {_said(found.clock)}"
    for moment in found.moments:
        yield from _moment(moment)
    yield "open now" if found.standing else "nothing is open"
    for standing in found.standing:
        yield f"{INDENT}{standing.key or 'the account'}: {standing.text}"
    if found.next_deadline is not None:
        yield f"next deadline: {_said(found.next_deadline)}"
    if found.why_not:
        yield "it has not fired, because"
        yield from (f"{INDENT}{reason}" for reason in found.why_not)
    elif not found.fired:
        yield "it has not fired"


def _moment(moment: Moment) -> Iterator[str]:
    yield f"{_said(moment.at)}  {moment.what} {moment.id}".rstrip()
    for played in moment.roles:
        yield f"{INDENT}{played.role}: {'matched' if played.matched else 'not matched'}"
        for term in played.terms:
            yield f"{INDENT * 2}{'yes' if term.holds else 'no '}  {term}"
    for note in moment.notes:
        yield f"{INDENT}{note.text}"
    for told in moment.told:
        yield f"{INDENT}-> {told.state} ({told.step}) at {_said(told.at)}: {told.why}"


def _said(instant: datetime) -> str:
    return instant.isoformat(" ", "seconds")
