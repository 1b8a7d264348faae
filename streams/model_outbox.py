"""What `learn` says: versions of models, which of them score, rosters, drift; until the checkpoint.

Beside the job. A snapshot goes to the topic of models, and a control record into every partition
of the interactions, from which on it scores. What others must be able to trust is signed.
"""

from __future__ import annotations

from collections import Counter

from models.learners.course import Course
from models.learners.drift import Drift
from models.learners.roster import encode_roster
from streams.control import UseModel, encode_control
from streams.drift_alert import drift_alert
from streams.job import Out
from streams.keyring import HEADER, Keyring
from streams.model_shelf import digest_of, model_key
from streams.topics import Topics

VERSIONS_KEPT = 20  # of a task's models; older ones leave the topic


class ModelOutbox:
    """keyring: signs, when there is one. stats: counts what is said."""

    def __init__(self, topics: Topics, keyring: Keyring | None, stats: Counter[str]) -> None:
        self._topics = topics
        self._keyring = keyring
        self._stats = stats
        self._outputs: list[Out] = []

    def __bool__(self) -> bool:
        return bool(self._outputs)

    def publish(self, task: str, course: Course, now_ms: int) -> None:
        """New versions of the champion and of the shadow, at once. now_ms: append time."""
        course.published, course.published_ms = course.learned, now_ms
        for name, shadow in ((course.champion, False), (course.shadow, True)):
            if name is None:
                continue
            sealed = course.seal(name)
            models = self._topics.models.name
            key = model_key(task, course.version)
            self._outputs.append(Out(models, key, sealed, partition=0))
            if course.version > VERSIONS_KEPT:
                old = model_key(task, course.version - VERSIONS_KEPT)
                self._outputs.append(Out(models, old, None, partition=0))
            self._use(
                UseModel(task=task, version=course.version, digest=digest_of(sealed), shadow=shadow)
            )
            self._stats["models_published"] += 1
        self.enrol(task, course)

    def enrol(self, task: str, course: Course) -> None:
        roster = encode_roster(course.roster())
        self._outputs.append(Out(self._topics.models.name, task.encode(), roster, partition=0))

    def _use(self, control: UseModel) -> None:
        key, value = encode_control(control)
        log = self._topics.interactions
        self._outputs += [Out(log.name, key, value, partition=p) for p in range(log.partitions)]

    def tell_drift(self, task: str, course: Course, drift: Drift) -> None:
        self._stats[f"drift:{task}"] += 1
        self._stats[f"alert:drift.{task}:firing"] += 1
        self._outputs += drift_alert(self._topics, task, course.task.title, drift)

    def retire(self, task: str, course: Course) -> None:
        """The shadow scores no more."""
        self._use(UseModel(task=task, version=course.version, digest="", shadow=True))
        self.enrol(task, course)

    def take(self, now_ms: int) -> list[Out]:
        """All since the last call. now_ms: of the signatures."""
        outputs, self._outputs = self._outputs, []
        return [self._signed(out, now_ms) for out in outputs]

    def _signed(self, out: Out, now_ms: int) -> Out:
        """Signed, where it is a model or speaks of one."""
        is_ours = out.topic in (self._topics.models.name, self._topics.interactions.name)
        if self._keyring is None or not is_ours or out.value is None:
            return out
        assert out.partition is not None
        assert out.key is not None
        signature = self._keyring.sign(out.topic, out.partition, out.key, out.value, now_ms)
        return out._replace(headers=[(HEADER, signature)])
