"""The tables of `make bench-scores`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = ("online", "challenger", "offline_best", "naive")
NAMES = {
    "online": "logistic (champion)",
    "challenger": "logistic and boosted trees",
    "naive": "River, naive",
}


def print_report(found: dict[str, Any], console: Console) -> None:
    """AUC by log and window, the offline models one by one, costs, and what was tried."""
    title = "AUC weighted by prefix length; online and challenger in one pass, offline at the split"
    _print(
        console,
        title,
        ("log", "window", *COLUMNS),
        (
            (log, window, *(_text(figures[name]) for name in COLUMNS))
            for log, windows in found["auc"].items()
            for window, figures in windows.items()
        ),
    )
    _print(
        console,
        "Offline, each model",
        ("log", "window", "model", "AUC"),
        (
            (log, window, model, _text(area))
            for log, windows in found["offline"].items()
            for window, models in windows.items()
            for model, area in models.items()
        ),
    )
    _print(
        console,
        "CPU µs for a scored event, and for a row that is learned; memory",
        ("log", "", "score", "learn", "one refit, s", "MB"),
        (row for log, cost in found["cost"].items() for row in _costs(log, cost)),
    )
    tried = ", ".join(f"{count} {what}" for what, count in found["variants"].items())
    console.print(f"Variants of features and settings: {tried} window.")


def _costs(log: str, cost: dict[str, Any]) -> Iterable[Sequence[str]]:
    yield log, "features", f"{cost['feature_us']:.0f}", "", "", ""
    yield log, "encoder", f"{cost['encode_us']:.0f}", "", "", ""
    for name, found in cost["learners"].items():
        fit = f"{found['fit_s']:.1f}" if found["fit_s"] else ""
        memory = f"{found['memory_mb']:.1f}" if found["memory_mb"] else ""
        yield log, NAMES[name], f"{found['score_us']:.0f}", f"{found['learn_us']:.0f}", fit, memory


def _text(area: float | None) -> str:
    return "–" if area is None else f"{area:.3f}"


def _print(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < 2 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
