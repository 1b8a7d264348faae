"""Learn: from examples to models. The third agent, on the same runtime as the others.

It makes the jobs (streams/learn_job.py), one for each partition of the examples; a task lies in one
partition, so it has one owner. Fits that take long are begun here, apart from the event loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import BadSetting
from models.learners.course import Course
from rules.scoring import Scoring
from streams.clock import Clock
from streams.job import Job, Poison, Record
from streams.keyring import Keyring
from streams.learn_job import LearnJob, Pacing
from streams.model_shelf import needs_key
from streams.refit import Refits
from streams.rejects import RejectLimits, Rejects
from streams.seal import Seal
from streams.settings import Settings
from streams.topics import Topics

NAME = "learn"


class LearnAgent:
    """Makes the jobs of `learn` (streams/runtime.py, Agent)."""

    name = NAME

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        tasks: Sequence[Scoring],
        refits: Refits,
        clock: Clock,
        keyring: Keyring | None = None,
    ) -> None:
        """Raises BadSetting when a learner needs a key and there is none."""
        self.source = topics.examples.name
        self._topics = topics
        self._tasks = {scoring.task.id: scoring for scoring in tasks}
        self._refits = refits
        self._clock = clock
        self._keyring = keyring
        self._closed = keyring is not None  # nothing was here before there were keys
        self._pacing = Pacing(settings.model_every_cases, int(settings.model_every_s * 1000))
        self._reject_limits = RejectLimits(settings.rejects_ratio_max, settings.rejects_in_row_max)
        if keyring is None:
            check_learners(self._tasks)

    async def make_job(
        self, partition: int, header: Mapping[str, Any], poison: Sequence[Poison]
    ) -> LearnJob:
        source, stats = (self.source, partition), Counter[str]()
        return LearnJob(
            self._course,
            self._topics,
            (self._topics.learn_changelog.name, partition),
            Rejects(NAME, source, self._topics.dead_letters.name, self._reject_limits, stats),
            stats,
            pacing=self._pacing,
            seal=Seal(self._keyring, source, closed=self._closed or header.get("sealed", False)),
            keyring=self._keyring,
            clock=self._clock,
        )

    async def prepare(self, job: Job, records: Sequence[Record]) -> None:
        """Begin a fit that is due by what was learned before these records."""
        assert isinstance(job, LearnJob)
        for task, course in job.courses.items():
            for name, learner in course.fits():
                if self._refits.is_free(task, name, course.learned) and (batch := learner.batch()):
                    self._refits.ask(job.partition, task, name, batch)

    def _course(self, task: str) -> Course | None:
        scoring = self._tasks.get(task)
        return Course(scoring.task, scoring.features.schema) if scoring else None


def check_learners(tasks: Mapping[str, Scoring]) -> None:
    """Raises BadSetting, with all that need a key."""
    names = [
        f"{id}: {name}"
        for id, scoring in tasks.items()
        for name in (scoring.task.learner, scoring.task.shadow)
        if name and needs_key(name)
    ]
    if names:
        raise BadSetting(
            "these learners keep their state as pickle, which only counts when it is signed: set"
            f" PATHLINE_CONTROL_KEY_FILE, or choose other learners ({', '.join(names)})"
        )
