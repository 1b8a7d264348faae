"""report.html: figures and tables of a run in one file that needs no network. The end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go
import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from streams.backtest.compare import Comparison
from streams.backtest.console import TASK_COLUMNS, lead_text, task_rows
from streams.backtest.outcome import Judged, firings, happened
from streams.backtest.report import charts
from streams.backtest.runner import Ran

EXAMPLES = 5  # of each rule and change


class Section(NamedTuple):
    """note: what must be known to read it. table: names of the columns, rows."""

    title: str
    note: str
    figure: go.Figure | None = None
    table: tuple[list[str], list[list[str]]] | None = None


def write_report(
    ran: Ran,
    judged: Judged | None,
    summary: dict[str, Any],
    target: Path,
    *,
    comparison: Comparison | None = None,
    swept: pl.DataFrame | None = None,
    zone: str = "UTC",
) -> None:
    """zone: IANA, in which hours and days are shown."""
    local = pl.col("occurred_at").dt.convert_time_zone(zone).alias("at")
    all_fired = firings(ran.alerts).select("account", "rule", "why", local)
    fired = all_fired.drop("why").collect()
    loudest = charts.loudest(fired)
    of_loudest = pl.col("account").is_in(loudest)
    sections = [
        Section("Alerts over time", f"firing alerts by rule; {zone}", charts.over_time(fired)),
        _rules(summary),
        *_outcome(ran, judged),
        *_tasks(summary),
        Section("When alerts fire", f"by weekday and hour; {zone}", charts.heat_map(fired)),
        Section("Accounts with the most alerts", _stars(ran), charts.timelines(
            loudest, all_fired.filter(of_loudest).collect(), _outcomes(ran, zone, of_loudest))),
        *_compared(comparison),
        *_swept(swept),
    ]  # fmt: skip
    shown = [
        {
            "title": s.title,
            "note": s.note,
            "table": s.table,
            "figure": _html(s.figure, f"figure-{n}"),
        }
        for n, s in enumerate(sections)
    ]
    page = Environment(
        loader=PackageLoader("streams.backtest.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
    ).get_template("page.html.j2")
    text = page.render(summary=summary, sections=shown, plotly=Markup(get_plotlyjs()))  # noqa: S704 - plotly's own script
    target.write_text(text, "utf-8")


def _html(figure: go.Figure | None, name: str) -> Markup | None:
    """plotly escapes what could end the script that it writes. name: of its element."""
    if figure is None:
        return None
    text = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displaylogo": False}, div_id=name
    )
    return Markup(text)  # noqa: S704 - see above


def _rules(summary: dict[str, Any]) -> Section:
    states = ("pending", "firing", "resolved", "retracted", "expired")
    rows = [
        [rule, *(f"{counts.get(state, 0):,}" for state in states)]
        for rule, counts in summary["alerts"].items()
    ]
    note = "what was said, by state; a retracted alert was disproved by a late event"
    return Section("Rules", note, table=(["rule", *states], rows))


def _outcome(ran: Ran, judged: Judged | None) -> list[Section]:
    if judged is None or ran.request.outcome is None:
        return []
    horizon = lead_text(ran.request.outcome.horizon_ms / 1000)
    names = ["rule", "fired", "matured", "right", "precision", "outcomes warned of", "recall",
             "lead, median", "lead, p90"]  # fmt: skip
    rows = [
        [row["rule"], f"{row['fired']:,}", f"{row['matured']:,}", f"{row['right']:,}",
         percent(row["precision"]), f"{row['warned']:,}", percent(row["recall"]),
         lead_text(row["lead_median_s"]), lead_text(row["lead_p90_s"])]
        for row in judged.rules.to_dicts()
    ]  # fmt: skip
    note = (
        f"the outcome: {ran.request.outcome}, within {horizon}; it came {judged.outcomes:,} times."
        " Precision counts alerts whose horizon has passed, recall all outcomes."
    )
    sections = [Section("Alerts against outcomes", note, table=(names, rows))]
    if judged.leads.height:
        figure = charts.lead_times(judged.leads)
        sections.append(Section("Lead time", "from the first alert of any rule", figure))
    if judged.calibration.height:
        note = "scores in ten bins of equal size; only those whose horizon has passed"
        sections.append(
            Section("Calibration of scores", note, charts.calibration(judged.calibration))
        )
    return sections


def _tasks(summary: dict[str, Any]) -> list[Section]:
    if not summary["tasks"]:
        return []
    note = (
        "each score was said by what had matured before it; the figures are of matured cases, a"
        " censored or pending one is no negative. ECE: expected calibration error"
    )
    sections = [Section("Learned scores", note, table=(list(TASK_COLUMNS), task_rows(summary)))]
    bins = [
        {"task": task, "live": False, "value": bin["said"], "came": bin["came"],
         "scores": bin["rows"]}
        for task, told in summary["tasks"].items() for bin in told["calibration"]
    ]  # fmt: skip
    if bins:
        note = "ten bins of what was said, and the share of label 1 in each"
        figure = charts.calibration(pl.DataFrame(bins), "cases of label 1")
        sections.append(Section("Calibration of tasks", note, figure))
    return sections


def _outcomes(ran: Ran, zone: str, wanted: pl.Expr) -> pl.DataFrame:
    outcome = ran.request.outcome
    if outcome is None:
        return pl.DataFrame(schema={"account": pl.String(), "at": pl.Datetime("us", zone)})
    came = happened(outcome, ran.outcomes, firings(ran.alerts))
    return came.filter(wanted).with_columns(pl.col("at").dt.convert_time_zone(zone)).collect()


def _stars(ran: Ran) -> str:
    return "stars are outcomes" if ran.request.outcome else "each mark is a firing alert"


def _compared(comparison: Comparison | None) -> list[Section]:
    if comparison is None:
        return []
    names = ["rule", "old", "new", "same", "moved", "added", "removed", "moved by, median"]
    rows = [
        [row["rule"], *(f"{row[name]:,}" for name in names[1:7]), signed(row["moved_median_s"])]
        for row in comparison.rules.to_dicts()
    ]
    examples = [
        [row["rule"], row["change"], row["account"], stamp(row["old_at"]), stamp(row["new_at"]),
         signed(row["moved_s"]), row["why"]]
        for row in comparison.examples(EXAMPLES).to_dicts()
    ]  # fmt: skip
    columns = ["rule", "change", "account", "old", "new", "moved by", "why"]
    return [
        Section("Against the old rules", "firing alerts of both runs", table=(names, rows)),
        Section("Examples of changes", "the first ones of each; all: changes.parquet",
                table=(columns, examples)),
    ]  # fmt: skip


def _swept(points: pl.DataFrame | None) -> list[Section]:
    if points is None:
        return []
    names = ["rule", "point", "firing", "matured", "precision", "recall", "lead, median"]
    rows = [
        [row["rule"], row["point"], f"{row['firing']:,}", f"{row['matured'] or 0:,}",
         percent(row["precision"]), percent(row["recall"]), lead_text(row["lead_median_s"])]
        for row in points.to_dicts()
    ]  # fmt: skip
    note = "a larger mark warns earlier"
    figure = charts.sweep(points) if points["precision"].is_not_null().any() else None
    return [Section("Sweep", note if figure else "", figure, (names, rows))]


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def signed(seconds: float | None) -> str:
    """How far something has moved.

    >>> signed(-5400), signed(0), signed(None)
    ('-1.5 h', '0 s', '-')
    """
    if seconds is None:
        return "-"
    sign = "-" if seconds < 0 else "+" if seconds else ""
    return sign + lead_text(abs(seconds))


def stamp(at: Any) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
