"""One run: from the input through the engine to the files that it leaves in a folder.

    alerts, scores, outcomes: .jsonl and .parquet each; summary.json
    bad-rows.jsonl, when there are any

`docs/backtest.md` says what is in them. Reports and comparisons are made of these files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from models.event import Event
from streams.backtest.bad_rows import BadRows
from streams.backtest.file_input import FileInput
from streams.backtest.mapping import MadeTime
from streams.backtest.outcome import Judged, judge
from streams.backtest.parts import KINDS, merge_parts
from streams.backtest.plan import Plan, limits_of
from streams.backtest.processes import Replayed, lanes_for, replay
from streams.backtest.request import Request
from streams.backtest.tables import TABLES, read_bad_rows, write_parquet
from streams.clock import SystemClock
from streams.codec import RawLimits

LEFT = (
    *(f"{kind}.{form}" for kind in KINDS for form in ("jsonl", "parquet")),
    *("summary.json", "report.html", "bad-rows.jsonl", "changes.parquet", "sweep.parquet"),
)
Look = Callable[[int, float], bool]
"""Told how many events are done and how much of the input, 0 to 1; True: stop here."""


class Played(NamedTuple):
    """counts: of rows or records. tasks: by id, what summary.json says of them.

    parts: names of those with scores besides the lanes'. scores: how many are in them.
    """

    found: Replayed
    counts: Counter[str]
    tasks: Mapping[str, Any] = {}
    parts: tuple[str, ...] = ()
    scores: int = 0


@dataclass(frozen=True)
class Ran:
    """What a run came to. bad: rows or records, by reason. wall_s: reading and engine."""

    request: Request
    folder: Path
    played: Played
    bad: Counter[str]
    wall_s: float

    @property
    def found(self) -> Replayed:
        return self.played.found

    @property
    def scores_told(self) -> int:
        """Momentum, and learned ones of the log and of the tasks."""
        return self.played.scores + sum(lane.told["scores"] for lane in self.found.lanes)

    @property
    def complete(self) -> bool:
        """It was not stopped."""
        return not self.found.stopped

    @property
    def end_ms(self) -> int:
        """The clock's last instant; of a topic that of its furthest partition."""
        return max((lane.clock_ms for lane in self.found.lanes), default=0)

    @property
    def has_made_times(self) -> bool:
        mapping = self.request.mapping
        return mapping is not None and isinstance(mapping.time, MadeTime)

    @property
    def topics(self) -> dict[str, str]:
        """By rule that spoke, the short name of the topic that it would speak on."""
        return {rule: topic for lane in self.found.lanes for rule, topic in lane.topics.items()}

    @property
    def cpu_s(self) -> float:
        """Of the engine."""
        return sum(lane.cpu_s for lane in self.found.lanes)

    @property
    def alerts(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.folder / "alerts.parquet")

    @property
    def scores(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.folder / "scores.parquet")

    @property
    def outcomes(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.folder / "outcomes.parquet")

    @property
    def bad_rows(self) -> pl.DataFrame:
        """raw: as JSON, whatever it was."""
        return read_bad_rows(self.folder / "bad-rows.jsonl")

    def judge(self) -> Judged | None:
        """None: no outcome was named."""
        outcome = self.request.outcome
        if outcome is None:
            return None
        return judge(outcome, self.alerts, self.outcomes, self.scores, self.end_ms)


def go_on(events: int, done: float) -> bool:
    """A look that never stops."""
    return False


def execute(request: Request, folder: Path, look: Look = go_on) -> Ran:
    """Run, and leave the files there. Raises BadSetting for what cannot be read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in LEFT:  # nothing of a run before may be taken for this one's
        (folder / name).unlink(missing_ok=True)
    bad = BadRows(folder / "bad-rows.jsonl")
    began = SystemClock().steady_s()
    try:
        with TemporaryDirectory(prefix=".parts-", dir=folder) as parts:
            play = _play_topic if request.topic else _play_files
            played = play(request, Path(parts), bad, look)
            wall_s = SystemClock().steady_s() - began
            for kind in KINDS:
                names = [*(lane.name for lane in played.found.lanes), *played.parts]
                merge_parts(Path(parts), kind, names, folder / f"{kind}.jsonl")
    finally:
        bad.close()
    for kind, table in TABLES.items():
        write_parquet(folder / f"{kind}.jsonl", table, folder / f"{kind}.parquet")
    return Ran(request, folder, played, bad.counts, wall_s)


def plan_of(request: Request, topic: str, parts: Path) -> Plan:
    """What the lanes are to know."""
    outcome, settings = request.outcome, request.settings
    return Plan(
        content=request.book.content,
        topic=topic,
        run=request.run_id,
        folder=parts,
        lateness_ms=int(settings.lateness_s * 1000),
        limits=limits_of(settings),
        outcome=outcome.event if outcome else None,
    )


def _play_files(request: Request, parts: Path, bad: BadRows, look: Look) -> Played:
    source = FileInput(
        request.files,
        request.mapping,
        bad,
        RawLimits(request.settings.record_bytes_max, 0),
        span=request.span,
        sort=request.sort,
        buffer=request.buffer,
    )
    plan, until = plan_of(request, source.name, parts), request.run_until_ms

    def play(events: Iterable[Event]) -> Replayed:
        with lanes_for(plan, request.processes) as lanes:
            return replay(lanes, events, until, lambda count: look(count, source.done))

    if not request.tasks:
        return Played(play(source), source.counts)
    from streams.backtest.task_pass import PART, TaskPass  # brings learners along

    with closing(TaskPass(request.tasks, request.book, parts, request.run_id)) as beside:
        found = play(beside.watch(source))
        told = beside.finish(None if found.stopped else until)
    return Played(found, source.counts, told, (PART,), beside.scores)


def _play_topic(request: Request, parts: Path, bad: BadRows, look: Look) -> Played:
    from streams.backtest.topic import play_topic  # brings Faust along

    return Played(*play_topic(request, plan_of(request, request.topic or "", parts), bad, look))
