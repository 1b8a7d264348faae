"""What `learn` does with one partition of the examples: each is learned once, models come out.

Decodes, hands to the course of its task (models/learners/course.py); what it says of new versions
is in streams/model_outbox.py. The state in the changelog is small: what learners keep of their rows
lies there example by example, as it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from models.errors import BadInput
from models.learners.base import Authenticated
from models.learners.course import Course
from models.learners.example_record import ExampleRecord, parse_example
from models.learners.roster import Decision, Standing
from models.learners.trees import Trees
from streams.clock import Clock
from streams.control import (
    LEARN_KEYS,
    Control,
    Decide,
    Grown,
    is_control,
    parse_control,
)
from streams.job import Record, Snapshot
from streams.keyring import Keyring
from streams.model_outbox import ModelOutbox
from streams.model_shelf import needs_key
from streams.position import damaged
from streams.rejects import Rejects
from streams.seal import Seal
from streams.topics import Topics

STATE_VERSION = 1


class Pacing(NamedTuple):
    """Between two versions of a model: cases at least, and ms."""

    cases: int
    ms: int


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """A course in the changelog. signature: by us, when there is a key."""

    v: int
    signature: bytes | None
    state: bytes


class LearnJob:
    """One partition of the examples.

    courses: a new one for each task that may be met here. place: changelog and partition, for
    signatures. seal: which control records count. clock: measures what this costs.
    """

    clock = 0
    tells_apart = True

    def __init__(
        self,
        courses: Callable[[str], Course | None],
        topics: Topics,
        place: tuple[str, int],
        rejects: Rejects,
        stats: Counter[str],
        *,
        pacing: Pacing,
        seal: Seal,
        keyring: Keyring | None,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self.courses: dict[str, Course] = {}
        self.seal = seal
        self._make = courses
        self._place = place
        self._rejects = rejects
        self._stats = stats
        self._pacing = pacing
        self._keyring = keyring
        self._outbox = ModelOutbox(topics, keyring, stats)
        self._changes: dict[bytes, bytes | None] = {}
        self._dirty: set[str] = set()

    @property
    def partition(self) -> int:
        return self._place[1]

    @property
    def outputs_waiting(self) -> bool:
        return bool(self._outbox or self._rejects.waiting)

    def apply(self, records: Sequence[Record]) -> None:
        began_s = self._clock.steady_s()
        for ahead, record in enumerate(records):
            try:
                if is_control(record.key):
                    self._steer(record)
                else:
                    self._learn(record)
            except BadInput as fault:
                self._rejects.add(record, fault, ahead)
        self._rejects.seen(len(records))
        self._stats["scoring_ns"] += round((self._clock.steady_s() - began_s) * 1e9)

    def course(self, task: str) -> Course | None:
        """Of a task; None: nobody knows the task here."""
        if task not in self.courses and (made := self._make(task)) is not None:
            self.courses[task] = made
        return self.courses.get(task)

    def _learn(self, record: Record) -> None:
        found = parse_example(record.value)
        course = self.course(found.task)
        if course is None:
            self._stats["example_unknown_task"] += 1  # a task that was given up
            return
        try:
            example = course.read(found)
        except BadInput as fault:
            if fault.reason != "example_other_schema":
                raise
            self._stats[fault.reason] += 1  # from before the task changed
            return
        number = course.first + len(course.sizes)
        drifts = course.learn(found, example)
        self._stats["applied"] += 1
        self._dirty.add(found.task)
        self._changes[_example_key(found.task, number)] = record.value
        for gone in course.let_go():
            self._changes[_example_key(found.task, gone)] = None
        for drift in drifts:
            self._outbox.tell_drift(found.task, course, drift)
        grown = course.learned - course.published
        if grown >= self._pacing.cases and (
            record.timestamp - course.published_ms >= self._pacing.ms
        ):
            self._outbox.publish(found.task, course, record.timestamp)

    def _steer(self, record: Record) -> None:
        if refusal := self.seal.check(record):
            self._stats[f"refuse:{refusal}"] += 1
            return
        control = parse_control(record.key or b"", record.value, LEARN_KEYS)
        assert isinstance(control, Grown | Decide)
        course = self.course(control.task)
        if course is None or control.learner not in course.learners:
            self._stats["learn_control_unknown"] += 1
            return
        self._dirty.add(control.task)
        if isinstance(control, Grown):
            self._take(course, control)
        else:
            self._decide(course, control, record.timestamp)

    def _decide(self, course: Course, control: Decide, at_ms: int) -> None:
        decision = decision_of(control, at_ms)
        decides = course.promote if control.what == "promote" else course.retire
        if not decides(control.learner):
            self._stats["decision_about_no_shadow"] += 1
            return
        course.note(decision)
        if control.what == "promote":
            self._outbox.publish(control.task, course, at_ms)
        else:
            self._outbox.retire(control.task, course)

    def _take(self, course: Course, grown: Grown) -> None:
        trees = Trees.load(grown.trees)
        if trees.features != len(course.encoder.schema.names):
            raise BadInput("bad_model_state", "trees of other features")
        dict(course.fits())[grown.learner].take(trees, grown.learned)

    def snapshot(self, now_ms: int) -> Snapshot:
        changes = list(self._changes.items())
        self._changes = {}
        for task in self._dirty:
            key, state = task.encode(), self.courses[task].dump()
            changes.append((key, self._signed(key, state, now_ms)))
        self._dirty.clear()
        header: dict[str, Any] = {"rejects": self._rejects.header()}
        header |= {"sealed": True} if self.seal.closed else {}
        return self.tell(now_ms)._replace(changes=changes, header=header)

    def _signed(self, key: bytes, state: bytes, now_ms: int) -> bytes:
        ring = self._keyring
        signature = ring.sign(*self._place, key, state, now_ms) if ring else None
        return msgspec.msgpack.encode(_Kept(STATE_VERSION, signature, state))

    def tell(self, now_ms: int) -> Snapshot:
        outputs = self._outbox.take(now_ms)
        stats = self._stats.copy()
        self._stats.clear()
        return Snapshot([], {}, outputs + self._rejects.take(), stats)

    def restore(self, blobs: Iterable[tuple[bytes, bytes]], header: Mapping[str, Any]) -> None:
        """Raises BadSetting for a state that is damaged, or not signed as it should be."""
        states: dict[str, bytes] = {}
        examples: dict[str, dict[int, bytes]] = {}
        for key, value in blobs:
            name, _, number = key.decode().partition("\0")
            if number:
                examples.setdefault(name, {})[int(number)] = value
            else:
                states[name] = value
        for task, value in states.items():
            if course := self.course(task):
                self._restore(task, course, value, examples.get(task, {}))
        self._rejects.restore(header["rejects"])

    def _restore(
        self, task: str, course: Course, value: bytes, examples: Mapping[int, bytes]
    ) -> None:
        try:
            state = self._check(task.encode(), value, course)
            course.restore(state, _in_order(examples))
        except (msgspec.MsgspecError, ValueError, LookupError, BadInput) as error:
            raise damaged(f"what was learned for {task}", error) from None
        kept = range(course.first, course.first + len(course.sizes))
        for number in examples.keys() - set(kept):
            self._changes[_example_key(task, number)] = None

    def _check(self, key: bytes, value: bytes, course: Course) -> Authenticated:
        """A signature is asked for where something in the state could run; so keys may come and go
        for all other learners.
        """
        kept = msgspec.msgpack.decode(value, type=_Kept)
        if kept.v != STATE_VERSION:
            raise BadInput("bad_model_state", f"version {kept.v}, not {STATE_VERSION}")
        if self._keyring is not None and any(map(needs_key, course.learners)):
            refusal = self._keyring.check(kept.signature, self._place, key, kept.state, None)
            if refusal is not None:
                raise BadInput(f"state_{refusal}", "not written by one of us")
        return Authenticated(kept.state)

    def greetings(self) -> list[Control]:
        return []

    def next_deadline(self) -> int | None:
        return None

    def gauges(self, until_ms: int) -> Mapping[str, float]:
        return {}


def _in_order(examples: Mapping[int, bytes]) -> list[ExampleRecord]:
    return [parse_example(examples[number]) for number in sorted(examples)]


def decision_of(control: Decide, at_ms: int) -> Decision:
    """As the roster tells it. Raises BadInput for a comparison that is none."""
    try:
        comparison = msgspec.convert(control.comparison, dict[str, Standing])
    except msgspec.ValidationError as error:
        raise BadInput("bad_control", str(error)) from None
    return Decision(control.what, control.learner, control.by, control.why, at_ms, comparison)


def _example_key(task: str, number: int) -> bytes:
    return f"{task}\0{number}".encode()
