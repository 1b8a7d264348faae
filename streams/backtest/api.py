"""`run`: a backtest from a notebook or a program, which gives frames of polars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from models.duration import Duration
from models.errors import BadSetting
from models.event import to_ms
from streams.settings import load_settings

if TYPE_CHECKING:  # polars takes its time; processes of a run import this package too
    import polars as pl


class Frames(NamedTuple):
    """alerts: a row for each state that an alert took. scores, outcomes, bad_rows: a row each.

    rules: precision, recall and lead by rule; calibration: of scores; both None without an
    outcome. summary: what summary.json holds.
    """

    alerts: pl.DataFrame
    scores: pl.DataFrame
    outcomes: pl.DataFrame
    rules: pl.DataFrame | None
    calibration: pl.DataFrame | None
    bad_rows: pl.DataFrame
    summary: dict[str, Any]


def run(
    source: str | Path | Sequence[str | Path],
    rules: str | Path | None = None,
    *,
    mapping: str | Path | None = None,
    calendars: str | Path | None = None,
    overlay: str | Path | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    run_until: datetime | None = None,
    outcome: str | None = None,
    where: str | None = None,
    horizon: str = "30d",
    processes: int = 1,
    sort: bool = False,
    as_live: bool = False,
    tasks: str | Path | None = None,
    name: str = "",
    out: str | Path | None = None,
) -> Frames:
    """The options of `pathline backtest`, which docs/backtest.md explains.

    source: a file, several, or kafka://TOPIC. rules: a folder, or the digest of a published set;
    default: PATHLINE_RULES. tasks: a folder; how good they were is in `summary["tasks"]`. out: a
    folder that keeps the files of the run; else none is kept. With several processes (and topics)
    a script needs `if __name__ == "__main__":` around the call.
    Raises BadRule and BadSetting with every fault at once.
    """
    from streams.backtest.outcome import parse_outcome
    from streams.backtest.request import make_request
    from streams.backtest.rule_source import rules_from
    from streams.backtest.runner import execute
    from streams.backtest.summary import summarize, write_summary

    settings = load_settings()
    book = rules_from(settings, _text(rules), _path(calendars), _path(overlay))
    horizon_ms = Duration.parse(horizon).amount
    came = parse_outcome(outcome, where, horizon_ms, book) if outcome else None
    sources = [source] if isinstance(source, str | Path) else source
    request = make_request(
        settings, book, [str(one) for one in sources], _path(mapping),
        span=(_ms(since), _ms(until)), run_until_ms=_ms(run_until), processes=processes,
        sort=sort, outcome=came, as_live=as_live, run=name, tasks=_path(tasks),
    )  # fmt: skip
    with TemporaryDirectory(prefix="pathline-backtest-") as temporary:
        ran = execute(request, Path(out or temporary))
        judged = ran.judge()
        summary = summarize(ran, judged)
        if out:
            write_summary(summary, Path(out))
        return Frames(
            ran.alerts.collect(),
            ran.scores.collect(),
            ran.outcomes.collect(),
            judged.rules if judged else None,
            judged.calibration if judged else None,
            ran.bad_rows,
            summary,
        )


def _text(value: str | Path | None) -> str | None:
    return None if value is None else str(value)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _ms(time: datetime | None) -> int | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise BadSetting(f"{time.isoformat()}: an instant needs its zone, such as tzinfo=UTC")
    return to_ms(time)
