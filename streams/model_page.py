"""`report.html` of models: one page for all tasks of a replay, which needs no network.

The end of `pathline models report`; `metrics.json` beside it has every figure of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from models.learners.report import Figures, Report
from streams import model_charts as charts

FIGURES = ("cases", "rows", "positives", "auc_by_length", "auc", "log_loss", "brier",
           "calibration_error")  # fmt: skip
HEADS = ("cases", "scores", "of label 1", "AUC, by prefix length", "AUC", "log loss", "Brier",
         "calibration error")  # fmt: skip


class Section(NamedTuple):
    """note: what must be known to read it. table: names of the columns, rows."""

    title: str
    note: str
    figure: Markup | None = None
    table: tuple[tuple[str, ...], list[tuple[str, ...]]] | None = None


def page(reports: Mapping[str, Report]) -> str:
    """The page as text; reports by task."""
    template = Environment(
        loader=PackageLoader("streams", "data"), autoescape=True, undefined=StrictUndefined
    ).get_template("model_report.html.j2")
    return template.render(
        reports=[(report, sections(report)) for report in reports.values()],
        plotly=Markup(get_plotlyjs()),  # noqa: S704 - plotly's own script
    )


def sections(report: Report) -> list[Section]:
    """What the page tells of one task."""
    since = f"{charts.moment(report.since):%Y-%m-%d %H:%M} UTC"
    both: list[tuple[str, ...]] = [
        ("whole log", *_cells(report.whole)),
        (f"since {since}", *_cells(report.last)),
    ]
    lengths: list[tuple[str, ...]] = [
        (_span(one.first, one.last), *_cells(one.figures)) for one in report.lengths
    ]
    drifts = Counter((drift.of, drift.detector) for drift in report.drifts)
    told: list[tuple[str, ...]] = [
        (of, detector, f"{count:,}") for (of, detector), count in drifts.most_common()
    ]
    return [
        Section(
            "Figures",
            "each score was said before its label was known, by a model that had learned nothing"
            f" from later; the second line and the sections below it are of cases started {since}"
            " or later",
            table=(("", *HEADS), both),
        ),
        Section(
            "Learning curve",
            "cases in the order in which their labels came; dotted: drift of the error; shaded:"
            " the last part",
            _html(charts.learning_curve(report)),
        ),
        Section(
            "Calibration", "ten bins of what was said, and what came of it",
            _html(charts.calibration(report)),
        ),
        Section(
            "By prefix length", "at the n-th moment at which a case is scored",
            table=(("moment", *HEADS), lengths),
        ),
        Section(
            "Importance", "of the newest cases with a label, by the model as it is at the end",
            _html(charts.importance(report)),
        ),
        Section(
            "Drift", "alarms by what drifted" if told else "no alarm",
            table=(("of", "detector", "alarms"), told) if told else None,
        ),
    ]  # fmt: skip


def _cells(figures: Figures) -> tuple[str, ...]:
    values = (getattr(figures, name) for name in FIGURES)
    return tuple("-" if v is None else f"{v:,}" if isinstance(v, int) else f"{v:.3f}"
                 for v in values)  # fmt: skip


def _span(first: int, last: int | None) -> str:
    """In words.

    >>> _span(1, 1), _span(4, 5), _span(41, None)
    ('1', '4-5', '41 and later')
    """
    if last is None:
        return f"{first} and later"
    return f"{first}" if first == last else f"{first}-{last}"


def _html(figure: go.Figure) -> Markup:
    """plotly escapes what could end the script that it writes."""
    text = figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
    return Markup(text)  # noqa: S704 - see above
