"""`pathline rules`: what the rules are, whether their tests pass, what lint thinks of them."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from models.errors import BadSetting
from rules.check import check
from rules.describe import LANGUAGES, describe
from rules.form_faults import did_you_mean
from rules.junit import junit
from rules.lint import lint
from rules.loader import RuleBook, load
from rules.reference import reference
from streams.commands import explain, publish
from streams.commands.rule_options import Calendars, Folder, Overlay
from streams.console import Exit, Json, out, print_json
from streams.settings import load_settings

DAY_MS = 86_400_000
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of rules; none: all.")]

app = typer.Typer(
    no_args_is_help=True,
    help="Rules: one YAML file each, with its tests at the bottom. docs/rules.md teaches how to"
    " write one. Every command loads all files first and tells every fault in them at once.",
)


app.command("explain")(explain.command)
app.command("diff")(publish.run_diff)
app.command("publish")(publish.run_publish)
app.command("rollback")(publish.run_rollback)


@app.command("list")
def list_rules(
    rules: Folder = None,
    calendars: Calendars = None,
    overlay: Overlay = None,
    json: Json = False,
) -> None:
    """List the rules, and the digest that names them as a set."""
    book = _load(rules, calendars, overlay)
    if json:
        for form in book.rules:
            print_json({**_row(book, form.id), "digest": book.digest})
        return
    columns = [
        Column(name, no_wrap=name != "title") for name in ("rule", "kind", "status", "title")
    ]
    table = Table(*columns, box=SIMPLE_HEAD)
    for form in book.rules:
        row = _row(book, form.id)
        table.add_row(*(escape(row[str(column.header)] or "") for column in columns))
    out.print(table)
    counts = (_count(len(book.rules), "rule"), _count(len(book.calendars), "calendar"))
    out.print(f"{', '.join(counts)}, digest {book.digest}")


@app.command("test")
def run_tests(
    ids: Ids = None,
    rules: Folder = None,
    calendars: Calendars = None,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Run them with this overlay on the rules; else none, whatever is set."),
    ] = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write the outcome there as JUnit XML.")
    ] = None,
    json: Json = False,
) -> None:
    """Run the tests inside the rule files; exit code 1 when one fails, 2 when a rule is wrong.

    Example: pathline rules test trial.silent-to-day-11
    """
    settings = load_settings()
    book = load(_short(rules or settings.rules), _short(calendars or settings.calendars), overlay)
    _known(book, ids)
    outcomes = check(book, ids or ())
    if junit_file:
        junit_file.write_text(junit(outcomes), encoding="utf-8")
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if json:
        for outcome in outcomes:
            print_json({**asdict(outcome), "passed": outcome.passed})
    else:
        for outcome in failed:
            out.print(str(outcome), markup=False, highlight=False)
        tested = {outcome.rule for outcome in outcomes}
        resting = [f.id for f in book.rules if f.id not in tested and (not ids or f.id in ids)]
        counts = (_count(len(tested), "rule"), _count(len(outcomes), "test"))
        out.print(f"{', '.join(counts)}, {len(failed)} failed")
        if resting:
            out.print(f"not run, draft or deprecated: {', '.join(resting)}")
    raise typer.Exit(Exit.FINDINGS if failed else Exit.FINE)


@app.command("lint")
def run_lint(
    rules: Folder = None,
    calendars: Calendars = None,
    overlay: Overlay = None,
    json: Json = False,
) -> None:
    """Find what is allowed and yet probably not meant; exit code 1 when something is found.

    A notice alone does not fail. A comment in the rule file silences: # lint: PL002 the reason
    """
    book = _load(rules, calendars, overlay)
    found = lint(book, round(load_settings().interactions_retention_d * DAY_MS))
    for finding in found:
        if json:
            print_json(finding._asdict())
        else:
            out.print(str(finding), markup=False, highlight=False)
    findings = sum(finding.level == "finding" for finding in found)
    if not json:
        counts = (_count(findings, "finding"), _count(len(found) - findings, "notice"))
        out.print(", ".join([_count(len(book.rules), "rule"), *counts]))
    raise typer.Exit(Exit.FINDINGS if findings else Exit.FINE)


@app.command("describe")
def say(
    rule: Annotated[str, typer.Argument(help="Id of a rule.")],
    rules: Folder = None,
    calendars: Calendars = None,
    overlay: Overlay = None,
    lang: Annotated[str, typer.Option(help="In English (en) or Chinese (zh).")] = "en",
    json: Json = False,
) -> None:
    """Say in words what a rule does, from its structure; with --json as it is written.

    Example: pathline rules describe trial.silent-to-day-11 --lang zh
    """
    if lang not in LANGUAGES:
        raise BadSetting(f"--lang {lang}: there is {' and '.join(LANGUAGES)}")
    book = _load(rules, calendars, overlay)
    _known(book, [rule])
    if json:
        print_json(book.documents[rule].value)
        return
    table = Table(Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False)
    for label, text in describe(book, rule, lang):
        table.add_row(f"[bold]{label}[/bold]", escape(text))
    out.print(table)


@app.command("reference")
def print_reference() -> None:
    """Print the reference of the rule language as Markdown, as docs/rules.md holds it."""
    typer.echo(reference(), nl=False)


def _load(rules: Path | None, calendars: Path | None, overlay: Path | None) -> RuleBook:
    settings = load_settings()
    return load(
        _short(rules or settings.rules),
        _short(calendars or settings.calendars),
        overlay or settings.overlay,
    )


def _short(path: Path) -> Path:
    """From here, when it lies below: file:line is read by people and editors."""
    relative = Path(os.path.relpath(path))
    return path if relative.parts[:1] == ("..",) else relative


def _known(book: RuleBook, ids: list[str] | None) -> None:
    for id in ids or ():
        if id not in book.documents:
            raise BadSetting(f"no rule {id!r}; {did_you_mean(id, book.documents)}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _row(book: RuleBook, id: str) -> dict[str, str | None]:
    raw = book.documents[id].value
    names = ("version", "kind", "status", "owner", "title")
    return {"rule": id, **{name: raw.get(name) for name in names}, "file": book.where[id]}
