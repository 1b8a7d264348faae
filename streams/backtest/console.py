"""What a backtest shows on a terminal: how far it is, how long it will take; and Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

from streams.backtest.runner import Look
from streams.console import err

STEPS = 10_000  # of the bar


class Stop:
    """Whether somebody pressed Ctrl-C. The second time ends the process at once."""

    def __init__(self) -> None:
        self.wanted = False

    def on_signal(self, *_: Any) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        err.print("stopping: the report will say what there is; Ctrl-C again ends at once")


@contextmanager
def stopping() -> Iterator[Stop]:
    """From here on SIGINT and SIGTERM ask to stop."""
    stop = Stop()
    before = {number: signal.signal(number, stop.on_signal)
              for number in (signal.SIGINT, signal.SIGTERM)}  # fmt: skip
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress(title: str, stop: Stop) -> Iterator[Look]:
    """A bar on the standard error, when that is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
        TextColumn("to go"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=STEPS, events=0)

        def look(events: int, done: float) -> bool:
            bar.update(task, completed=done * STEPS, events=events)
            return stop.wanted

        yield look


def summary_table(summary: dict[str, Any]) -> Table:
    """By rule what it said, and how that did."""
    outcome = summary["outcome"]
    columns = ["firing", "resolved", "retracted", "expired"]
    measures = ["precision", "recall", "median lead"] if outcome else []
    headers = [Column(name, justify="right", no_wrap=True) for name in (*columns, *measures)]
    table = Table(Column("rule", no_wrap=True), *headers, box=None)
    for rule, states in summary["alerts"].items():
        cells = [rule, *(f"{states.get(name, 0):,}" for name in columns)]
        if outcome:
            told = outcome["rules"].get(rule, {})
            cells += [_share(told.get("precision")), _share(told.get("recall")),
                      lead_text(told.get("lead_median_s"))]  # fmt: skip
        table.add_row(*cells)
    return table


TASK_COLUMNS = ("task", "matured", "label 1", "censored", "pending", "scores", "AUC", "log loss",
                "Brier", "ECE")  # fmt: skip


def task_rows(summary: dict[str, Any]) -> list[list[str]]:
    """A row a task; the figures are of matured cases alone. ECE: expected calibration error."""
    rows = []
    for task, told in summary["tasks"].items():
        cases, figures = told["cases"], told["figures"]
        counts = [*(cases[name] for name in ("matured", "positive", "censored", "pending")),
                  figures["rows"]]  # fmt: skip
        measures = [figures[name] for name in ("auc", "log_loss", "brier", "calibration_error")]
        told_figures = ("-" if value is None else f"{value:.3f}" for value in measures)
        rows.append([task, *(f"{count:,}" for count in counts), *told_figures])
    return rows


def task_table(summary: dict[str, Any]) -> Table:
    """By task how good its scores were."""
    first, *others = TASK_COLUMNS
    numbers = [Column(name, justify="right", no_wrap=True) for name in others]
    table = Table(Column(first, no_wrap=True), *numbers, box=None, padding=(0, 1, 0, 0))
    for row in task_rows(summary):
        table.add_row(*row)
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def lead_text(seconds: float | None) -> str:
    """In the unit that fits.

    >>> lead_text(90), lead_text(5400), lead_text(200_000), lead_text(None)
    ('90 s', '1.5 h', '2.3 d', '-')
    """
    if seconds is None:
        return "-"
    for unit, size in (("d", 86_400), ("h", 3_600)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
