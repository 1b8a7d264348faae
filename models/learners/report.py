"""What a replay tells about a task and its model: the content of `metrics.json` and of its page.

Behind the replay, ahead of the page. Every figure is made of what was said before the label was
known; a case counts for the last part when it started there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from models.learners.base import Row
from models.learners.drift import Drift
from models.learners.figures import (
    Bin,
    auc,
    auc_by_length,
    brier,
    calibration,
    calibration_error,
    log_loss,
)
from models.learners.replay import Replay, Verdict

POINTS = 40  # of the learning curve
LENGTHS = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 8), (9, 12), (13, 20), (21, 40), (41, None))
IMPORTANT = 20  # features that are told


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """cases: with at least one score. rows: scores. None: not defined, for want of rows or labels.

    auc_by_length: the area under the ROC curve by prefix length, weighted by rows.
    """

    cases: int
    rows: int
    positives: int
    auc: float | None
    auc_by_length: float | None
    log_loss: float | None
    brier: float | None
    calibration_error: float | None


class Point(msgspec.Struct, frozen=True):
    """Of the learning curve: cases that matured one after the other, up to `at`, ms."""

    at: int
    learned: int
    figures: Figures


class Length(msgspec.Struct, frozen=True):
    """Scores at the n-th moments of cases, from first to last; None: and beyond."""

    first: int
    last: int | None
    figures: Figures


class Cases(msgspec.Struct, frozen=True, kw_only=True):
    """open: not ended when the log did. unscored: ended before the first moment to score.

    withheld: scores that were null for want of data.
    """

    started: int
    positive: int
    negative: int
    censored: int
    open: int
    unscored: int
    withheld: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """since: ms; `last` and what comes behind it are of the cases that started from then on."""

    v: Literal[1] = 1
    task: str
    task_version: str
    learner: str
    features: str
    events: int
    cases: Cases
    since: int
    whole: Figures
    last: Figures
    lengths: list[Length]
    calibration: list[Bin]
    curve: list[Point]
    drifts: list[Drift]
    importance: list[tuple[str, float]]
    memory_bytes: int


def figures_of(verdicts: Sequence[Verdict], first: int = 1, last: int | None = None) -> Figures:
    """Of the scores at the first-th to last-th moments of these cases."""
    said, labels, lengths, cases = [], [], [], 0
    for verdict in verdicts:
        own = [
            (value, length)
            for length, value in enumerate(verdict.said[first - 1 : last], first)
            if value is not None
        ]
        cases += bool(own)
        said += [value for value, _ in own]
        lengths += [length for _, length in own]
        labels += [verdict.label] * len(own)
    y, p = np.array(labels, int), np.array(said, float)
    return Figures(
        cases=cases, rows=len(y), positives=int(y.sum()), auc=auc(y, p),
        auc_by_length=auc_by_length(y, p, np.array(lengths, int)), log_loss=log_loss(y, p),
        brier=brier(y, p), calibration_error=calibration_error(calibration(y, p)),
    )  # fmt: skip


def cut(verdicts: Sequence[Verdict], share: float) -> int:
    """The start, ms, of the first case of the last part: `share` of the cases started before.

    >>> cut([Verdict(str(at), at, at, 0, ()) for at in (30, 10, 20, 40, 50)], 0.8)
    50
    """
    starts = sorted(verdict.since for verdict in verdicts)
    return starts[min(int(share * len(starts)), len(starts) - 1)] if starts else 0


def learning_curve(verdicts: Sequence[Verdict]) -> list[Point]:
    """Equal numbers of cases in the order in which their labels came."""
    each = max(1, -(-len(verdicts) // POINTS))
    parts = [verdicts[at : at + each] for at in range(0, len(verdicts), each)]
    return [
        Point(part[-1].at, at * each + len(part), figures_of(part)) for at, part in enumerate(parts)
    ]


def importance(replay: Replay, rows: Sequence[Row]) -> list[tuple[str, float]]:
    """The mean size of what each feature adds to the log odds of these rows, the largest first."""
    added: dict[str, float] = {}
    for row in rows:
        for name, amount in replay.learner.reasons(row, len(row.values)):
            added[name] = added.get(name, 0.0) + abs(amount) / len(rows)
    return sorted(added.items(), key=lambda each: -each[1])[:IMPORTANT]


def report(replay: Replay, *, open: int, events: int, since: int) -> Report:
    """open: cases that have not ended. since: start of the last part, ms."""
    verdicts, task = replay.verdicts, replay.task
    last = [verdict for verdict in verdicts if verdict.since >= since]
    said = [value for verdict in verdicts for value in verdict.said]
    positive = sum(verdict.label for verdict in verdicts)
    cases = Cases(
        started=len(verdicts) + replay.unscored + replay.censored + open, positive=positive,
        negative=len(verdicts) - positive, censored=replay.censored, open=open,
        unscored=replay.unscored, withheld=said.count(None),
    )  # fmt: skip
    by_length = [Length(a, b, figures_of(last, a, b)) for a, b in LENGTHS]
    scored = [value for verdict in last for value in verdict.said if value is not None]
    labels = [v.label for v in last for value in v.said if value is not None]
    return Report(
        task=task.id, task_version=task.version, learner=task.learner,
        features=replay.encoder.raw.hash, events=events, cases=cases, since=since,
        whole=figures_of(verdicts), last=figures_of(last),
        lengths=[length for length in by_length if length.figures.rows],
        calibration=calibration(np.array(labels, int), np.array(scored, float)),
        curve=learning_curve(verdicts), drifts=replay.drifts,
        importance=importance(replay, list(replay.sample)),
        memory_bytes=replay.learner.memory_bytes(),
    )  # fmt: skip
