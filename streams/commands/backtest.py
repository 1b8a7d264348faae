"""`pathline backtest`: what would these rules have said, how well, is the new version better."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.duration import Duration
from models.errors import BadSetting
from models.event import to_ms
from streams.commands.rule_options import Calendars, Overlay
from streams.console import Exit, Json, err, out, print_json
from streams.settings import Settings, load_settings

if TYPE_CHECKING:  # what a backtest needs takes a second to import; other commands do not wait
    from rules.check import Outcome as Checked
    from rules.loader import RuleBook
    from streams.backtest.request import Request
    from streams.backtest.session import Found

SIDE = "A folder of rules, the digest of a published set or its beginning, or `published`"
PARTIAL = 130


def backtest(
    sources: Annotated[
        list[str],
        typer.Option(
            "--from",
            help="A file, or kafka://TOPIC; several files: more --from, or their names at the end.",
        ),
    ],
    folder: Annotated[Path, typer.Option("--out", help="Folder for what the run leaves.")],
    files: Annotated[list[str] | None, typer.Argument(help="More files.")] = None,
    rules: Annotated[str | None, typer.Option(help=f"{SIDE}; default: PATHLINE_RULES.")] = None,
    calendars: Calendars = None,
    overlay: Overlay = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="How columns become events; docs/backtest.md.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Leave out what is earlier: 2026-03-02T09:00:00+08:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Leave out what is not earlier.")] = None,
    run_until: Annotated[
        str | None, typer.Option(help="Move the clock on to there after the last event.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="How many work at once; the result is the same.")
    ] = min(8, os.cpu_count() or 1),
    sort: Annotated[
        bool, typer.Option("--sort", help="Sort files on disk first, by time.")
    ] = False,
    buffer: Annotated[
        int, typer.Option(min=0, help="Events that are held back to set a file's order right.")
    ] = 10_000,
    outcome: Annotated[
        str | None,
        typer.Option(help="What alerts are held against: an event type, or rule:ID."),
    ] = None,
    outcome_where: Annotated[
        str | None, typer.Option(help="A condition on those events, in CEL.")
    ] = None,
    horizon: Annotated[
        str, typer.Option(help="So far ahead an alert is to tell the outcome: 48h, 30d.")
    ] = "30d",
    tasks: Annotated[
        Path | None,
        typer.Option(help="Folder of tasks that score the events, learning as they go; files."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help=f"Compare with the rules before. {SIDE}.")
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(help="rules.ID.field=a,b,c; several make a grid."),
    ] = None,
    expect: Annotated[
        Path | None, typer.Option(help="Expectations; exit code 1 when one is missed.")
    ] = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write the outcome of --expect there.")
    ] = None,
    as_live: Annotated[
        bool, typer.Option("--as-live", help="Topics: obey activations of rule sets in the log.")
    ] = False,
    to_topic: Annotated[
        bool, typer.Option("--to-topic", help="Write to pathline.replay.RUN.… as well.")
    ] = False,
    zone: Annotated[str, typer.Option(help="Time zone of the report.")] = "UTC",
    run: Annotated[str, typer.Option(help="The run's id; default: made of rules and input.")] = "",
    json: Json = False,
) -> None:
    """Replay files or a topic through the live engine: alerts, scores, a report, a comparison.

    Production is not disturbed: a topic is read by nobody's group, and
    nothing is written but to --out (and to topics of the run's own, with
    --to-topic). Ctrl-C ends it early with a report on what there is.

    \b
    Examples:
      pathline backtest --from events.jsonl.gz --rules rules/library --out build/run
      pathline backtest --from kafka://interactions --since 2026-01-01T00:00:00Z --out build/q1
      pathline backtest --from loans.csv.gz --map loans.map.yml --rules new --against old --out cmp
      pathline backtest --from events.jsonl.gz --tasks rules/tasks --out build/scored
      pathline backtest --from loans.csv.gz --map loans.map.yml --rules new --out sweep \\
        --outcome loan.a_cancelled --sweep rules.offer.silent.deadline.after=7d,14d,21d
    """  # fmt: skip
    from streams.backtest.console import progress, stopping
    from streams.backtest.expect import Expected
    from streams.backtest.memory import estimate
    from streams.backtest.outcome import parse_outcome
    from streams.backtest.request import make_request
    from streams.backtest.rule_source import rules_from
    from streams.backtest.session import Wanted, hold
    from streams.backtest.sweep import parse_axis

    settings = load_settings()
    book = rules_from(settings, rules, calendars, overlay)
    came = parse_outcome(outcome, outcome_where, _horizon_ms(horizon), book) if outcome else None
    request = make_request(
        settings, book, [*sources, *(files or ())], mapping,
        span=(_instant("--since", since), _instant("--until", until)),
        run_until_ms=_instant("--run-until", run_until), processes=processes, sort=sort,
        buffer=buffer, outcome=came, as_live=as_live, run=run, tasks=tasks,
    )  # fmt: skip
    expected = Expected(expect, book) if expect else None
    wanted = Wanted(
        against=_against(settings, against, calendars, overlay) if against else None,
        axes=[parse_axis(text, book) for text in sweep or ()],
        zone=_zone(zone),
    )
    if to_topic:
        _check_topics(request)
    if not json:
        err.print(str(estimate(request)))
    with stopping() as stop:
        found = hold(request, folder, wanted, lambda title: progress(title, stop))
    if to_topic and found.ran.complete:
        _send(request, found)
    checked = expected.check(found.ran.alerts) if expected and found.ran.complete else []
    _tell(found, checked, folder, json)
    if junit_file and expected:
        _write_junit(junit_file, checked)
    if not found.ran.complete:
        raise typer.Exit(PARTIAL)
    raise typer.Exit(Exit.FINDINGS if any(not one.passed for one in checked) else Exit.FINE)


def _against(
    settings: Settings, side: str, calendars: Path | None, overlay: Path | None
) -> RuleBook:
    """With the same overlay, unless it is a published set."""
    from streams.backtest.rule_source import rules_from

    return rules_from(settings, side, calendars, overlay if Path(side).is_dir() else None)


def _instant(option: str, text: str | None) -> int | None:
    """ms."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise BadSetting(f"{option} {text}: an instant with its offset: 2026-03-02T09:00:00+08:00")
    return to_ms(time)


def _horizon_ms(text: str) -> int:
    try:
        horizon = Duration.parse(text)
    except ValueError as error:
        raise BadSetting(f"--horizon {text}: {error}") from None
    if horizon.business or horizon.amount <= 0:
        raise BadSetting(f"--horizon {text}: wall time above 0, such as 48h or 30d")
    return horizon.amount


def _zone(text: str) -> str:
    from streams.backtest.mapping import check_zone

    try:
        return check_zone(text)
    except ValueError as error:
        raise BadSetting(f"--zone: {error}") from None


def _check_topics(request: Request) -> None:
    from streams.backtest.to_topic import check_free

    check_free(request)


def _send(request: Request, found: Found) -> None:
    from streams.backtest.to_topic import send_run

    for topic, records in send_run(request, found.ran).items():
        err.print(f"{records:,} records are on {topic}", markup=False, highlight=False)


def _tell(found: Found, checked: list[Checked], folder: Path, json: bool) -> None:
    from streams.backtest.console import summary_table, task_table

    if json:
        print_json(found.summary)
        return
    for one in checked:
        if not one.passed:
            out.print(str(one), markup=False, highlight=False)
    out.print(summary_table(found.summary))
    summary = found.summary
    if summary["tasks"]:
        out.print(task_table(summary))
    bad = f", {summary['input']['bad']:,} bad rows" if summary["input"]["bad"] else ""
    out.print(f"{summary['events']:,} events of {summary['accounts']:,} accounts{bad}; run"
              f" {summary['run']}", markup=False, highlight=False)  # fmt: skip
    if checked:
        missed = sum(not one.passed for one in checked)
        out.print(f"{len(checked)} expectations, {missed} missed")
    out.print(f"{folder / 'report.html'}", markup=False, highlight=False)
    if not summary["complete"]:
        err.print("stopped before the end of the input; the report is on what was read")


def _write_junit(file: Path, checked: list[Checked]) -> None:
    from rules.junit import junit

    file.write_text(junit(checked), encoding="utf-8")
