"""All that one command asks for: the run, the rules before it, a sweep, and the report on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from rules.loader import RuleBook
from streams.backtest.compare import Comparison, compare
from streams.backtest.outcome import Judged, firings
from streams.backtest.report.page import write_report
from streams.backtest.request import Request
from streams.backtest.runner import Look, Ran, execute
from streams.backtest.summary import summarize, write_summary
from streams.backtest.sweep import Axis, Point, points

Watch = Callable[[str], AbstractContextManager[Look]]
"""Opens a look under a title: a bar, or nothing."""

AGAINST = "against"
SWEPT = {
    "point": pl.String(),
    "rule": pl.String(),
    "firing": pl.Int64(),
    "matured": pl.Int64(),
    "precision": pl.Float64(),
    "recall": pl.Float64(),
    "lead_median_s": pl.Float64(),
}


class Wanted(NamedTuple):
    """against: the rules before. axes: of a sweep. zone: of the report."""

    against: RuleBook | None = None
    axes: Sequence[Axis] = ()
    zone: str = "UTC"


class Found(NamedTuple):
    """What a session came to; all of it lies in the folder as well."""

    ran: Ran
    judged: Judged | None
    summary: dict[str, Any]
    comparison: Comparison | None
    swept: pl.DataFrame | None


def hold(request: Request, folder: Path, wanted: Wanted, watch: Watch) -> Found:
    """Run everything and write it down. Whoever stops the first run gets the report on its part."""
    grid = list(points(request.book, wanted.axes)) if wanted.axes else []
    rmtree(folder / AGAINST, ignore_errors=True)
    with watch("backtest") as look:
        ran = execute(request, folder, look)
    judged = ran.judge()
    summary = summarize(ran, judged)
    comparison = swept = None
    if wanted.against is not None and ran.complete:
        comparison = _against(ran, wanted.against, watch)
        if comparison:
            comparison.changes.write_parquet(folder / "changes.parquet")
            summary["against"] = {
                "rules_digest": wanted.against.digest,
                "rules": {row.pop("rule"): row for row in comparison.rules.to_dicts()},
            }
    if grid and ran.complete:
        swept = _sweep(request, grid, wanted.axes, watch)
        swept.write_parquet(folder / "sweep.parquet")
        summary["sweep"] = swept.to_dicts()
    write_summary(summary, folder)
    write_report(
        ran, judged, summary, folder / "report.html",
        comparison=comparison, swept=swept, zone=wanted.zone,
    )  # fmt: skip
    return Found(ran, judged, summary, comparison, swept)


def _against(ran: Ran, old: RuleBook, watch: Watch) -> Comparison | None:
    """The same input under the rules before, in a folder beside; None when that was stopped."""
    request = replace(ran.request, book=old, tasks=())
    with watch("the old rules") as look:
        before = execute(request, ran.folder / AGAINST, look)
    return compare(before.alerts, ran.alerts) if before.complete else None


def _sweep(
    request: Request, grid: Sequence[Point], axes: Sequence[Axis], watch: Watch
) -> pl.DataFrame:
    """A row for each point and rule that is swept; as far as it got when it was stopped."""
    rules = list(dict.fromkeys(axis.rule for axis in axes))
    rows: list[dict[str, Any]] = []
    for number, point in enumerate(grid, 1):
        with TemporaryDirectory(prefix="pathline-sweep-") as folder:
            with watch(f"sweep, {number} of {len(grid)}") as look:
                ran = execute(replace(request, book=point.book, tasks=()), Path(folder), look)
            if not ran.complete:
                break
            rows += _point(ran, point, rules)
    return pl.DataFrame(rows, schema=SWEPT)


def _point(ran: Ran, point: Point, rules: Sequence[str]) -> list[dict[str, Any]]:
    judged = ran.judge()
    by_rule = {row["rule"]: row for row in judged.rules.to_dicts()} if judged else {}
    counted = firings(ran.alerts).group_by("rule").len().collect()
    fired = dict(counted.iter_rows())
    name = ", ".join(f"{axis.rpartition('.')[2]}={value}" for axis, value in point.values.items())
    measures = ("matured", "precision", "recall", "lead_median_s")
    return [
        {"point": name, "rule": rule, "firing": fired.get(rule, 0)}
        | {measure: by_rule.get(rule, {}).get(measure) for measure in measures}
        for rule in rules
    ]
