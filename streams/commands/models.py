"""`pathline models`: what scores are made by, and how good they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from models.errors import BadSetting
from models.event import Event, to_ms
from models.task import Task
from rules.form_faults import did_you_mean
from rules.loader import RuleBook, load
from rules.task_book import load_tasks
from streams.account_log import FAR_MS
from streams.codec import RawLimits, parse_event
from streams.commands import model_roster
from streams.commands.rule_options import Calendars, Folder, Overlay
from streams.console import Json, err, out, print_json
from streams.jsonl import BadLine, open_lines, read_lines
from streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from models.learners.report import Report

SHARE = 0.8
FIGURES = (("auc_by_length", "AUC by length"), ("log_loss", "log loss"), ("brier", "Brier"))

app = typer.Typer(
    no_args_is_help=True, help="Models: what scores are made by. docs/scores.md tells the whole."
)


app.command("list")(model_roster.run_list)
app.command("compare")(model_roster.run_compare)
app.command("promote")(model_roster.run_promote)
app.command("retire")(model_roster.run_retire)


@app.command("report")
def run_report(
    events: Annotated[
        str, typer.Option(help="File of CloudEvents, one a line; - is standard input.")
    ],
    target: Annotated[Path, typer.Option("--out", help="Folder for metrics.json, report.html.")],
    task: Annotated[
        list[str] | None, typer.Option("--task", help="A task; again for more; none: all.")
    ] = None,
    train_until: Annotated[
        str | None, typer.Option(help="Read the figures on cases started from then on.")
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help=f"Or after this share of cases; default {SHARE}."),
    ] = None,
    tasks: Annotated[
        Path | None, typer.Option(help="Folder of tasks; default: PATHLINE_TASKS.")
    ] = None,
    rules: Folder = None,
    calendars: Calendars = None,
    overlay: Overlay = None,
    json: Json = False,
) -> None:
    """Replay a log and say how good the scores would have been.

    Each case is scored by what was known at that time, and learned when its label came.
    Learning goes on through the last part as it would live; --train-until
    and --share choose on which cases the figures are read.

    \b
    Examples:
      pathline models report --events events.jsonl --out report --task conversion
      pathline models report --events events.jsonl --out report --train-until 2026-03-01T00:00:00Z
    """  # fmt: skip
    if train_until is not None and share is not None:
        raise typer.BadParameter("give --train-until or --share, not both")
    settings, since = load_settings(), _instant(train_until)
    book = load(rules or settings.rules, calendars or settings.calendars,
                overlay or settings.overlay)  # fmt: skip
    chosen = _choose(tasks or settings.tasks, book, task)
    target.mkdir(parents=True, exist_ok=True)
    reports = _replay(
        chosen, book, _read(events, settings), since, SHARE if share is None else share
    )
    content = {"v": 1, "tasks": reports}
    (target / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(content)))
    from streams.model_page import page  # plotly is for this command alone

    (target / "report.html").write_text(page(reports), "utf-8")
    _tell(chosen, reports, json)
    if not json:
        out.print(f"written: {target / 'metrics.json'}, {target / 'report.html'}")


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return to_ms(at)
    raise BadSetting(f"--train-until {text}: write it as 2026-03-01T00:00:00+08:00")


def _choose(folder: Path, book: RuleBook, names: Sequence[str] | None) -> list[Task]:
    known = load_tasks(folder, book)
    for name in names or ():
        if name not in known:
            raise BadSetting(f"no task {name!r}; {did_you_mean(name, known)}")
    return [known[name] for name in names or known]


def _read(name: str, settings: Settings) -> Iterator[Event]:
    """In order of time. Raises BadSetting for a line that is no event."""
    from streams.backtest.order import sorted_on_disk  # brings polars

    def parsed() -> Iterator[Event]:
        with open_lines(name) as file:
            for line in read_lines(file, RawLimits(settings.record_bytes_max, 0), FAR_MS):
                if isinstance(line, BadLine):
                    raise BadSetting(f"{name}:{line.number}: {line.reason}: {line.detail}")
                yield parse_event(line.value, line.number)

    return sorted_on_disk(parsed())


def _replay(
    tasks: Sequence[Task], book: RuleBook, events: Iterable[Event], since: int | None, share: float
) -> dict[str, Report]:
    """since: ms, start of the last part; None: after this share of the cases."""
    from models.learners.report import cut, report  # bring River and scikit-learn
    from rules.task_replay import replays

    beside = replays(tasks, book)
    count = 0
    with err.status("replaying …"):
        for event in events:
            count += 1
            for replay in beside:
                replay.advance(event)
        return {
            task.id: report(
                replay.model,
                open=replay.open,
                events=count,
                since=cut(replay.model.verdicts, share) if since is None else since,
            )
            for task, replay in zip(tasks, beside, strict=True)
        }


def _tell(tasks: Sequence[Task], reports: Mapping[str, Report], json: bool) -> None:
    if json:
        for report in reports.values():
            print_json({"task": report.task, "cases": report.cases, "last": report.last})
        return
    for task in tasks:
        cases, last = reports[task.id].cases, reports[task.id].last
        figures = ", ".join(f"{word} {_number(getattr(last, name))}" for name, word in FIGURES)
        least = task.minimum
        why = f"it takes {least.cases:,} labels, {least.positives} of 1 and {least.negatives} of 0"
        out.print(
            f"{task.id}: {cases.positive:,} cases of label 1, {cases.negative:,} of label 0,"
            f" {cases.censored:,} censored, {cases.open:,} pending;"
            f" {last.cases:,} of the last part were scored: {figures if last.cases else why}",
            highlight=False,
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
