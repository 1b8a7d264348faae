"""What learned scores add to a worker: the scorers of `follow`, and the agent `learn`.

Part of the composition root (streams/app.py), imported when PATHLINE_SCORES is on: it brings numpy
and River along.
"""

from __future__ import annotations

from rules.loader import RuleBook
from streams.agents.learn import LearnAgent
from streams.clock import Clock
from streams.keyring import Keyring
from streams.model_shelf import ModelShelf, fetch_from
from streams.ports import Appender
from streams.refit import Refits
from streams.scorers import Scorers, compile_tasks
from streams.settings import Settings
from streams.topics import Topics


class Learned:
    """book: the rules and calendars that the tasks may name. Raises BadRule for a bad task."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        book: RuleBook,
        keyring: Keyring | None,
        appender: Appender,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._topics = topics
        self._keyring = keyring
        self._appender = appender
        self._tasks = compile_tasks(settings, book)

    def scorers(self) -> Scorers:
        """For the partitions of `follow`."""
        name = self._topics.models.name
        schemas = {each.task.id: each.features.schema.hash for each in self._tasks}
        shelf = ModelShelf(schemas, name, fetch_from(self._settings, name), self._keyring)
        return Scorers(self._settings, self._topics, self._tasks, shelf, self._clock)

    def learn(self) -> LearnAgent:
        """Raises BadSetting when a learner needs a key and there is none."""
        refits = Refits(self._appender, self._topics.examples.name)
        return LearnAgent(
            self._settings, self._topics, self._tasks, refits, self._clock, self._keyring
        )
