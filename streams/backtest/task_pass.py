"""The tasks of a run: one prequential pass over its events, by the code of `models report`.

Between the input and the lanes, in the process that reads: every event goes by once, in the order
of the log and under one clock, so the scores are the same for any number of processes. Learners
take their time to import; only runs with tasks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.event import Event
from models.identity import digest
from models.learned_score import LearnedScore
from models.learners.report import Report, report
from models.task import Task
from rules.loader import RuleBook
from rules.task_replay import Said, TaskReplay, replays
from streams.backtest.parts import Parts

PART = "tasks"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIGURES = ("cases", "rows", "positives", "auc", "auc_by_length", "log_loss", "brier",
           "calibration_error")  # fmt: skip


class TaskPass:
    """tasks: of the book's rules. folder: for the part with their scores. run: the run's id.

    scores: how many were written. Memory grows with the cases and scores whose label came: they
    are what the figures are made of.
    """

    def __init__(self, tasks: Sequence[Task], book: RuleBook, folder: Path, run: str) -> None:
        self._replays = replays(tasks, book)
        self._parts = Parts(folder, PART, run)
        self._run = run
        self._events = 0

    @property
    def scores(self) -> int:
        return self._parts.counts["scores"]

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events, each seen by every task before it goes on."""
        for event in events:
            for replay in self._replays:
                if said := replay.advance(event):
                    score = self._score(replay, event.subject, said)
                    self._parts.tell(self._events, (), (), score)
            self._events += 1
            yield event

    def finish(self, clock_ms: int | None) -> dict[str, Any]:
        """The log is over; clock_ms: time goes on to there. By task what summary.json says."""
        told = {}
        for replay in self._replays:
            if clock_ms is not None:
                replay.expire(clock_ms)
            found = report(replay.model, open=replay.open, events=self._events, since=0)
            told[found.task] = told_of(found)
        return told

    def close(self) -> None:
        self._parts.close()

    def _score(self, replay: TaskReplay, account: str, said: Said) -> LearnedScore:
        task, row = replay.scoring.task, said.row
        short = f"learned from {said.learned} cases, too few of them for the task"
        return LearnedScore(
            score_id=digest("score", task.id, row.case, self._run, self._events),
            account=account,
            task=task.id,
            case=row.case,
            value=said.value,
            model=f"{task.learner}@{said.learned}",
            version=said.learned,
            why=short if said.value is None else None,
            occurred_at=EPOCH + timedelta(milliseconds=row.moment),
            replay=self._run,
        )


def told_of(found: Report) -> Mapping[str, Any]:
    """A task's part of summary.json. matured: cases with a score and a label, of which alone every
    figure is, scores_withheld too; pending: cases that had not ended.
    """
    cases = found.cases
    return {
        "version": found.task_version,
        "learner": found.learner,
        "cases": {
            "started": cases.started,
            "matured": cases.positive + cases.negative,
            "positive": cases.positive,
            "censored": cases.censored,
            "pending": cases.open,
            "unscored": cases.unscored,
        },
        "scores_withheld": cases.withheld,
        "figures": {name: getattr(found.whole, name) for name in FIGURES},
        "calibration": [bin._asdict() for bin in found.calibration],
    }
