"""The figures of a report, from the frames of a run. Behind the engine; plotly draws them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl

from streams.backtest.outcome import ANY

ACCOUNTS = 12  # whose timelines are shown
MARKS = 500  # on a timeline; the newest
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
    "height": 360,
    "font": {"family": "system-ui, sans-serif", "size": 13},
}


def over_time(fired: pl.DataFrame) -> go.Figure:
    """Firing alerts per hour, day or week, whichever suits the span, by rule."""
    every, words = _grain(fired["at"])
    binned = fired.group_by(pl.col("at").dt.truncate(every), "rule").len().sort("rule", "at")
    figure = _figure(barmode="stack", yaxis_title=f"alerts per {words}")
    for (rule,), rows in binned.group_by("rule", maintain_order=True):
        figure.add_bar(x=rows["at"].to_list(), y=rows["len"].to_list(), name=str(rule))
    return figure


def _grain(instants: pl.Series) -> tuple[str, str]:
    first, last = instants.min(), instants.max()
    span = timedelta(0)
    if isinstance(first, datetime) and isinstance(last, datetime):
        span = last - first
    if span <= timedelta(days=3):
        return "1h", "hour"
    return ("1d", "day") if span <= timedelta(days=150) else ("1w", "week")


def heat_map(fired: pl.DataFrame) -> go.Figure:
    """Firing alerts by weekday and hour, in the zone of the report."""
    grid = [[0] * 24 for _ in DAYS]
    counted = fired.group_by(day=pl.col("at").dt.weekday() - 1, hour=pl.col("at").dt.hour()).len()
    for day, hour, count in counted.iter_rows():
        grid[day][hour] = count
    figure = _figure(xaxis_title="hour", yaxis_autorange="reversed")
    figure.add_heatmap(
        z=grid, x=list(range(24)), y=DAYS, colorscale="Blues", colorbar_title="alerts"
    )
    return figure


def lead_times(leads: pl.DataFrame) -> go.Figure:
    """How long before the outcome the first alert of any rule came."""
    figure = _figure(
        xaxis_title="hours from the first alert to the outcome", yaxis_title="outcomes"
    )
    own = leads.filter(pl.col("rule") == ANY)["lead"].dt.total_seconds() / 3600
    figure.add_histogram(x=own.to_list(), nbinsx=50)
    return figure


def loudest(fired: pl.DataFrame) -> list[str]:
    """The accounts with the most firing alerts."""
    top = fired.group_by("account").len().sort("len", "account", descending=[True, False])
    names: list[str] = top.head(ACCOUNTS)["account"].to_list()
    return names


def timelines(names: list[str], fired: pl.DataFrame, outcomes: pl.DataFrame) -> go.Figure:
    """Of these accounts: when which rule fired and why, and what came of it."""
    figure = _figure(height=120 + 30 * len(names), yaxis_autorange="reversed")
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=names)
    newest = fired.group_by("account").tail(MARKS).sort("rule", "account", "at")
    for (rule,), rows in newest.group_by("rule", maintain_order=True):
        figure.add_scatter(
            x=rows["at"].to_list(), y=rows["account"].to_list(), text=rows["why"].to_list(),
            mode="markers", name=str(rule), marker={"size": 8},
        )  # fmt: skip
    if outcomes.height:
        figure.add_scatter(
            x=outcomes["at"].to_list(), y=outcomes["account"].to_list(), mode="markers",
            name="outcome", marker={"size": 11, "symbol": "star", "color": "black"},
        )  # fmt: skip
    return figure


def calibration(bins: pl.DataFrame, came: str = "followed by the outcome") -> go.Figure:
    """By task: the mean score of a bin against the share of them that came true. came: in words.

    Live scores of a task, as the log has them, stand beside those of the run.
    """
    figure = _figure(xaxis_title="score", yaxis_title=came)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    for (task, live), rows in bins.group_by("task", "live", maintain_order=True):
        figure.add_scatter(
            x=rows["value"].to_list(), y=rows["came"].to_list(),
            name=f"{task}, live" if live else str(task),
            text=[f"{count:,} scores" for count in rows["scores"]], mode="lines+markers",
        )  # fmt: skip
    return figure


def sweep(points: pl.DataFrame) -> go.Figure:
    """Precision against volume; the size of a mark is its median lead."""
    figure = _figure(xaxis_title="firing alerts", yaxis_title="precision")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    longest = points["lead_median_s"].max() or 1
    for (rule,), rows in points.group_by("rule", maintain_order=True):
        sizes = [8 + 22 * (lead or 0) / longest for lead in rows["lead_median_s"]]  # type: ignore[operator]  # a float
        figure.add_scatter(
            x=rows["firing"].to_list(), y=rows["precision"].to_list(), text=rows["point"].to_list(),
            mode="markers+text", textposition="top center", name=str(rule), marker={"size": sizes},
        )  # fmt: skip
    return figure


def _figure(**layout: Any) -> go.Figure:
    return go.Figure(layout={**LAYOUT, **layout})
