"""What the demo shows while it runs: a live screen on a terminal, a line per stage elsewhere."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.worker import Figures

HEAD_LINES = 8  # of the screen that alerts must leave
ALERT_LINES_MIN = 5


class View(Protocol):
    """Told by the run; draws, decides nothing. Open while it runs."""

    def __enter__(self) -> object: ...
    def __exit__(self, *error: object) -> None: ...
    def stage(self, text: str) -> None: ...
    def sent(self, count: int) -> None: ...
    def figures(self, figures: Figures) -> None: ...
    def alert(self, line: Text) -> None: ...


class PlainView:
    """For a log: stages only."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *error: object) -> None: ...

    def stage(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)

    def sent(self, count: int) -> None: ...
    def figures(self, figures: Figures) -> None: ...
    def alert(self, line: Text) -> None: ...


class LiveView:
    """For a terminal: progress, figures, and the newest alerts."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._stages: deque[str] = deque(maxlen=3)
        self._sent = 0
        self._figures = Figures()
        self._alerts = 0
        self._lines: deque[Text] = deque(maxlen=max(ALERT_LINES_MIN, console.height - HEAD_LINES))
        self._live = Live(
            get_renderable=self._draw, console=console, refresh_per_second=8, transient=True
        )

    def stage(self, text: str) -> None:
        self._stages.append(text)

    def sent(self, count: int) -> None:
        self._sent = count

    def figures(self, figures: Figures) -> None:
        self._figures = figures

    def alert(self, line: Text) -> None:
        self._alerts += 1
        line.no_wrap, line.overflow = True, "ellipsis"
        self._lines.append(line)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def _draw(self) -> Group:
        figures = self._figures
        told = (
            f"{self._sent:,} of {self._total:,} sent · {figures.read:,} read"
            f" · {figures.followed:,} followed · {self._alerts:,} alerts"
        )
        head = Table.grid()
        head.add_row(ProgressBar(total=self._total, completed=self._sent, width=60))
        head.add_row(Text(told, no_wrap=True, overflow="ellipsis"))
        stages = [Text(stage, "dim", no_wrap=True, overflow="ellipsis") for stage in self._stages]
        return Group(*stages, head, Text(), *self._lines)
