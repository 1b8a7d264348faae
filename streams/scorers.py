"""Makes the scores of each partition that `follow` opens: tasks, and the models that it had.

Part of the composition (streams/app.py) when learned scores are on; brings numpy along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from models.case import MomentumCase
from rules.case_book import CaseBook
from rules.loader import RuleBook
from rules.momentum import ID as MOMENTUM
from rules.partition import Partition
from rules.scoring import Scoring
from rules.task_book import load_tasks
from streams.clock import Clock
from streams.control import UseModel
from streams.model_shelf import ModelShelf, Wanted
from streams.scoring import Scores, in_use
from streams.settings import Settings
from streams.topics import Topics


def compile_tasks(settings: Settings, book: RuleBook) -> list[Scoring]:
    """The tasks of the folder. Raises BadRule with all faults, BadSetting without a folder."""
    tasks = load_tasks(settings.tasks, book)
    return [
        Scoring(task, book.calendars[name] if (name := task.features.calendar) else None)
        for task in tasks.values()
    ]


class Scorers:
    """One for all partitions of this worker: they share the models."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        tasks: Sequence[Scoring],
        shelf: ModelShelf,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._step = settings.score_step
        self._topics = topics
        self._tasks = tasks
        self._shelf = shelf

    async def make(self, partition: Partition, header: Mapping[str, Any]) -> Scores:
        """For a partition that opens. header: of its last checkpoint, which names its models."""
        used = in_use(header)
        await self._shelf.load(Wanted(u.task, u.version, u.digest, u.at_ms) for u in used)
        context = partition.context
        place = context.topic, context.partition
        momentum = partial(momentum_of, partition)
        book = CaseBook(self._tasks, place, self._step, momentum, context.stats)
        return Scores(book, self._topics, self._shelf.loaded, self._clock, context.stats)

    async def load(self, controls: Iterable[tuple[UseModel, int]]) -> None:
        """Have the models ready that these control records name; each with its append time, ms."""
        await self._shelf.load(Wanted(c.task, c.version, c.digest, at) for c, at in controls)


def momentum_of(partition: Partition, account: str) -> float:
    """As it was last published, since that follows from the log."""
    case = partition.account(account).cases.get(MOMENTUM, {}).get("")
    return case.said.get("", 0.0) if isinstance(case, MomentumCase) else 0.0
