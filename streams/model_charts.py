"""The figures of the report on models: learning curve, calibration, importance. Plotly draws them.

Behind `models/learners/report.py`, inside the page that `model_page.py` writes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import plotly.graph_objects as go

from models.learners.drift import ERROR
from models.learners.report import Report

LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "margin": {"l": 60, "r": 20, "t": 30, "b": 50},
    "height": 360,
    "font": {"family": "system-ui, sans-serif", "size": 13},
}
DRIFTS_DRAWN = 50  # lines beyond that would hide the curve; the table has the counts


def learning_curve(report: Report) -> go.Figure:
    """Area and Brier score as labels came, drift of the error as lines, the last part shaded."""
    figure = _figure(yaxis_range=[0, 1], xaxis_title="when the labels were known")
    at = [moment(point.at) for point in report.curve]
    for name, label in (("auc", "area under the ROC curve"), ("brier", "Brier score")):
        values = [getattr(point.figures, name) for point in report.curve]
        figure.add_scatter(x=at, y=values, name=label, mode="lines+markers", connectgaps=False)
    for drift in [drift for drift in report.drifts if drift.of == ERROR][:DRIFTS_DRAWN]:
        figure.add_vline(x=moment(drift.at), line_dash="dot", line_color="#c53030")
    if at and moment(report.since) <= at[-1]:
        figure.add_vrect(x0=max(moment(report.since), at[0]), x1=at[-1], fillcolor="#3182ce",
                         opacity=0.08, line_width=0)  # fmt: skip
    return figure


def calibration(report: Report) -> go.Figure:
    """What was said against what came; on the diagonal both agree."""
    figure = _figure(xaxis_title="said", yaxis_title="came", yaxis_range=[0, 1], xaxis_range=[0, 1])
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": "#a0aec0"},
                       name="perfect")  # fmt: skip
    figure.add_scatter(
        x=[bin.said for bin in report.calibration], y=[bin.came for bin in report.calibration],
        text=[f"{bin.rows:,} scores" for bin in report.calibration], mode="lines+markers",
        name="model",
    )  # fmt: skip
    return figure


def importance(report: Report) -> go.Figure:
    """The features that move the score most."""
    rising = report.importance[::-1]
    figure = _figure(xaxis_title="mean change of the log odds", height=120 + 22 * len(rising))
    figure.add_bar(x=[size for _, size in rising], y=[name for name, _ in rising], orientation="h")
    figure.update_yaxes(type="category", automargin=True)
    return figure


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _figure(**layout: Any) -> go.Figure:
    return go.Figure(layout={**LAYOUT, **layout})
