"""Gauges of the learned scores, read off the live worker when Prometheus asks.

Beside streams/gauges.py; how good scores were is told of matured cases alone, over the window of
the validation (models/learners/validation.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.learners.course import Course
from streams.follow_job import FollowJob
from streams.learn_job import LearnJob
from streams.metrics import Reading
from streams.runtime import Runtime
from streams.scoring import Scores


def read_models(runtimes: Iterable[Runtime]) -> Iterator[Reading]:
    """Of all partitions that are ours."""
    for runtime in runtimes:
        for partition, shard in runtime.shards.items():
            if not shard.ready:
                continue
            if isinstance(shard.job, FollowJob) and shard.job.scores is not None:
                yield from _read_scores(shard.job.scores, str(partition))
            elif isinstance(shard.job, LearnJob):
                for task, course in shard.job.courses.items():
                    yield from read_course(task, course)


def _read_scores(scores: Scores, partition: str) -> Iterator[Reading]:
    for desk in scores.book.desks.values():
        yield Reading("pathline_cases_pending", (desk.id, partition), desk.pending)
    for task, role, model in scores.models():
        yield Reading("pathline_model_info", (task, role, model, partition), 1)


def read_course(task: str, course: Course) -> Iterator[Reading]:
    """How far the learners of a task are, and how good. A figure that is not defined is left out:
    before anything was said, or with labels of one kind alone.
    """
    yield Reading("pathline_model_version", (task,), course.version)
    memory = course.memory_bytes()
    for name, learner in course.learners.items():
        labels = task, name
        figures = course.validations[name].figures()
        found = {
            "learned_cases": learner.learned,
            "memory_bytes": memory[name],
            "judged_cases": figures.cases,
            "auc": figures.auc,
            "log_loss": figures.log_loss,
            "brier_score": figures.brier,
            "calibration_error": figures.calibration_error,
        }
        for figure, value in found.items():
            if value is not None:
                yield Reading(f"pathline_model_{figure}", labels, value)
