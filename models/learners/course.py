"""How one task is learned: its encoder, a champion and a shadow, and how good they have been.

Inside `learn`, behind the examples; a function of them in their order. Each case is judged by what
was said of it when it was scored, and only then learned (prequential).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec

from models.errors import BadInput
from models.learners import registry, snapshot
from models.learners.arrays import parse
from models.learners.base import Authenticated, Example, Learner, Schema
from models.learners.challenger import Refitted
from models.learners.drift import Drift, DriftWatch
from models.learners.encoder import Encoder
from models.learners.example_record import ExampleRecord, example_of
from models.learners.roster import DECISIONS_MAX, Decision, Roster, standing
from models.learners.roster import VERSION as ROSTER_VERSION
from models.learners.validation import Validation
from models.task import Task

VERSION = 1


class _Student(msgspec.Struct, array_like=True, frozen=True):
    name: str
    learner: bytes
    validation: bytes


class _State(msgspec.Struct, array_like=True, frozen=True):
    """first, sizes: number of the oldest kept example, and the rows of each from there on."""

    v: int
    raw: str
    champion: str
    shadow: str | None
    retired: list[str]
    version: int
    published: int
    published_ms: int
    encoder: bytes
    students: list[_Student]
    watch: bytes
    first: int
    sizes: list[int]
    versions: dict[str, int]
    decisions: list[Decision]


class Course:
    """champion, shadow: names of learners. version: of the newest published model.

    versions: newest of each learner. decisions: about shadows, the newest last.
    published, published_ms: cases learned by then, and when. first, sizes: the examples to keep
    for learners that learn from rows again: the number of the oldest, and the rows of each.
    """

    def __init__(self, task: Task, raw: Schema) -> None:
        self.task = task
        self.encoder = Encoder(raw)
        self.champion = task.learner
        self.shadow = task.shadow
        self.retired: list[str] = []
        self.version = self.published = self.published_ms = 0
        names = [name for name in (self.champion, self.shadow) if name]
        self.learners = {name: registry.make(name, self.encoder.schema) for name in names}
        self.validations = {name: Validation() for name in names}
        self.watch = DriftWatch(self.encoder.schema)
        self.first = 0
        self.sizes: list[int] = []
        self.versions: dict[str, int] = {}
        self.decisions: list[Decision] = []

    @property
    def learned(self) -> int:
        return self.encoder.learned

    @property
    def rows_kept(self) -> int:
        return max(learner.rows_kept for learner in self.learners.values())

    def read(self, record: ExampleRecord) -> Example:
        """Raises BadInput for an example of other features."""
        schema = self.encoder.schema
        if record.schema != schema.hash:
            raise BadInput("example_other_schema", "scored with other features than the task's")
        return example_of(record, len(schema.names))

    def learn(self, record: ExampleRecord, example: Example) -> list[Drift]:
        """A matured case, judged and learned. Returns the drift that it gave away."""
        told = self._judge(record)
        drifts = []
        if told:
            error = abs(example.label - sum(told) / len(told))
            drifts = self.watch.advance(error, example.rows[-1].values, example.matured_at)
        for learner in self.learners.values():
            learner.learn_case(example)
        self.encoder.learn_case(example)
        self.sizes.append(len(example.rows))
        return drifts

    def let_go(self) -> range:
        """Numbers of the kept examples that no learner needs any more."""
        before, rows = self.first, sum(self.sizes)
        while self.sizes and rows - self.sizes[0] >= self.rows_kept:
            rows -= self.sizes.pop(0)
            self.first += 1
        return range(before, self.first)

    def _judge(self, record: ExampleRecord) -> list[float]:
        """What the champion had said of the case."""
        champion: list[float] = []
        for name, validation in self.validations.items():
            said = [
                next((s.value for s in row.said if s.model.startswith(f"{name}@")), None)
                for row in record.rows
            ]
            validation.mature(record.label, said)
            if name == self.champion:
                champion = [value for value in said if value is not None]
        return champion

    def fits(self) -> list[tuple[str, Refitted]]:
        """The learners whose trees others grow for them."""
        found = self.learners.items()
        return [(name, learner) for name, learner in found if isinstance(learner, Refitted)]

    def note(self, decision: Decision) -> None:
        """Remember that somebody decided so."""
        self.decisions = [*self.decisions, decision][-DECISIONS_MAX:]

    def roster(self) -> Roster:
        """Who scores, and how good they have been."""
        learners = {
            name: standing(name, self.versions.get(name, 0), learner.learned, validation.figures())
            for (name, learner), validation in zip(
                self.learners.items(), self.validations.values(), strict=True
            )
        }
        return Roster(
            ROSTER_VERSION, self.task.id, self.task.title, self.champion, self.shadow,
            tuple(self.retired), learners, tuple(self.decisions),
        )  # fmt: skip

    def promote(self, name: str) -> bool:
        """The shadow and the champion change places; False when `name` is not the shadow."""
        if name != self.shadow:
            return False
        self.champion, self.shadow = name, self.champion
        return True

    def retire(self, name: str) -> bool:
        """The shadow goes, and what it has learned; False when `name` is not the shadow."""
        if name != self.shadow:
            return False
        self.shadow = None
        self.retired.append(name)
        del self.learners[name], self.validations[name]
        return True

    def seal(self, name: str) -> bytes:
        """The next version of a learner, to score with: without the rows that it keeps."""
        self.version += 1
        version = self.versions[name] = self.version
        learner = self.learners[name]
        header = snapshot.Header(
            self.task.id, version, name, self.encoder.raw.hash, registry.libraries(name),
            learner.learned,
        )  # fmt: skip
        return snapshot.enclose(header, self.encoder.dump(), learner.dump(bare=True))

    def memory_bytes(self) -> dict[str, int]:
        return {name: learner.memory_bytes() for name, learner in self.learners.items()}

    def dump(self) -> bytes:
        """All but the examples that it keeps."""
        students = [
            _Student(name, learner.dump(bare=True), self.validations[name].dump())
            for name, learner in self.learners.items()
        ]
        return msgspec.msgpack.encode(
            _State(VERSION, self.encoder.raw.hash, self.champion, self.shadow, self.retired,
                   self.version, self.published, self.published_ms, self.encoder.dump(), students,
                   self.watch.dump(), self.first, self.sizes, self.versions, self.decisions)
        )  # fmt: skip

    def restore(self, state: Authenticated, examples: Iterable[ExampleRecord]) -> None:
        """Go on from a dump. examples: those that it keeps, the oldest first.

        Of a task whose features are others nothing is taken up but the version: models go on from
        there. Raises BadInput for what cannot be read.
        """
        found: Any = parse(state, _State, "course")
        if found.v != VERSION:
            raise BadInput("bad_model_state", f"course of version {found.v}, not {VERSION}")
        self.version = found.version
        if found.raw != self.encoder.raw.hash:
            return
        self.encoder = Encoder.load(found.encoder)
        self.published, self.published_ms = found.published, found.published_ms
        with suppress(BadInput):  # of another River: it begins anew
            self.watch = DriftWatch.load(found.watch)
        self.first, self.sizes = found.first, found.sizes
        self.versions, self.decisions = found.versions, found.decisions
        self._take_roles(found)
        kept = [self.read(record) for record in examples]
        for student in found.students:
            if student.name in self.learners:
                self.validations[student.name] = Validation.load(student.validation)
                self._restore_learner(student, kept)

    def _restore_learner(self, student: _Student, kept: list[Example]) -> None:
        try:
            learner: Learner = registry.load(student.name, Authenticated(student.learner))
        except BadInput:
            if registry.libraries(student.name):
                return  # of another version of its library: it begins anew
            raise
        learner.refill(kept[len(kept) - min(learner.learned, len(kept)) :])
        self.learners[student.name] = learner

    def _take_roles(self, found: Any) -> None:
        """As they were promoted and retired, as long as the task names the same learners."""
        asked = {self.task.learner, self.task.shadow} - {None}
        self.retired = [name for name in found.retired if name in asked]
        if {found.champion, found.shadow, *self.retired} - {None} == asked:
            self.champion, self.shadow = found.champion, found.shadow
        elif self.shadow in self.retired:
            self.shadow = None
        for name in [name for name in self.learners if name not in (self.champion, self.shadow)]:
            del self.learners[name], self.validations[name]
