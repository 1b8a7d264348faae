"""Scores beside `follow`: the case book of a partition, its records in the changelog, its outputs.

Between the job (streams/follow_job.py), which hands over what the engine has applied, and the
checkpoint. A score goes to the scores and, as an event, back into the interactions, so that rules
which read scores are a function of the log; a case whose label is known goes to the examples.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from models.errors import BadInput
from models.event import CloudEvent, Event
from models.learned_score import LearnedScore, encode_learned
from models.learners.example_record import encode_example
from models.learners.scorer import Loaded
from rules.case_book import CaseBook
from rules.context import Output
from rules.lines import lines_of
from rules.roles import SCORE_TYPE
from rules.ruleset import RuleSet
from streams.announce import CONTENT_TYPE
from streams.clock import Clock
from streams.codec import encode_event
from streams.control import UseModel
from streams.job import Out
from streams.position import CASES
from streams.topics import Topics

log = logging.getLogger(__name__)

SOURCE = "//pathline/scores"
PACKED = ("content-type", b"application/msgpack")
Models = Callable[[str], Loaded | BadInput]
"""A snapshot by its digest, loaded before; or why it is refused."""


class InUse(NamedTuple):
    """A model that scores. at_ms: append time of the record that said so, to find it by."""

    task: str
    shadow: bool
    version: int
    digest: str
    at_ms: int


class Scores:
    """models: asked when a control record names one. clock: measures what this costs, in stats."""

    def __init__(
        self, book: CaseBook, topics: Topics, models: Models, clock: Clock, stats: Counter[str]
    ) -> None:
        self.book = book
        self._clock = clock
        self._stats = stats
        self._interactions = topics.interactions.name
        self._scores = topics.scores.name
        self._examples = topics.examples.name
        self._models = models
        self._in_use: dict[tuple[str, bool], InUse] = {}
        self._gone: list[bytes] = []

    def models(self) -> Iterator[tuple[str, str, str]]:
        """(task, role, model) of those that score."""
        for id, desk in self.book.desks.items():
            if desk.scorer.champion:
                yield id, "champion", desk.scorer.champion.name
            if desk.scorer.shadow:
                yield id, "shadow", desk.scorer.shadow.name

    @property
    def waiting(self) -> bool:
        return bool(self.book.scores or self.book.examples)

    def follow(self, rules: RuleSet) -> None:
        """Another rule set takes over: other lines count."""
        tasks = (desk.scoring.task for desk in self.book.desks.values())
        self.book.lines = lines_of(rules, tasks)

    def applied(self, outputs: Sequence[Output], clock: int, event: Event | None = None) -> None:
        """The engine has applied a record. event: if it was one, and no repeat."""
        began_s = self._clock.steady_s()
        if outputs:
            self.book.hear(outputs, clock)
        self.book.expire(clock)
        if event is not None and event.type != SCORE_TYPE:
            self.book.advance(event)
        self._stats["scoring_ns"] += round((self._clock.steady_s() - began_s) * 1e9)

    def use(self, control: UseModel, at_ms: int) -> str | None:
        """A model takes over, or goes. A refused one does not, the old one stays; returns why."""
        place = control.task, control.shadow
        if not control.digest:
            self._in_use.pop(place, None)
            self.book.activate(control.task, None, shadow=control.shadow)
            return None
        found = self._models(control.digest)
        if isinstance(found, BadInput):
            log.warning("model %s of %s is refused, the old one stays: %s", control.version,
                        control.task, found)  # fmt: skip
            return found.reason
        self._in_use[place] = InUse(*place, control.version, control.digest, at_ms)
        self.book.activate(control.task, found, shadow=control.shadow)
        return None

    def erase(self, account: str) -> None:
        """Forget all that an account's cases hold."""
        if self.book.forget(account):
            self._gone.append(key_of(account))

    def changes(self, bytes_max: int) -> list[tuple[bytes, bytes | None]]:
        """For the changelog, since the last call."""
        changes: list[tuple[bytes, bytes | None]] = [(key, None) for key in self._gone]
        self._gone = []
        accounts = self.book.accounts
        changes += [(key_of(id), accounts.encode(id, bytes_max)) for id in accounts.dirty]
        accounts.dirty.clear()
        for desk in self.book.desks.values():
            if desk.dirty:
                desk.dirty = False
                changes.append((key_of("\x00" + desk.id), desk.dump()))
        return changes

    def header(self) -> dict[str, Any]:
        """Joins that of the checkpoint. Without it our records in the changelog are of the past: a
        release, or a worker, that keeps no cases has written since.
        """
        return {"models": [list(used) for used in self._in_use.values()]}

    def restore(self, blobs: Iterable[tuple[bytes, bytes]], header: Mapping[str, Any]) -> None:
        """Raises as `case_state.read_due`, msgspec's errors, BadInput."""
        if "models" not in header:
            self._gone = [key for key, _ in blobs]
            return
        accounts = []
        for key, value in blobs:
            name = key[len(CASES) :]
            if name[:1] != b"\x00":
                accounts.append((name.decode(), value))
            elif desk := self.book.desks.get(name[1:].decode()):
                desk.restore(value)
        self.book.accounts.add(accounts)
        for used in in_use(header):
            found = self._models(used.digest)
            if isinstance(found, BadInput):
                log.warning("model %s of %s is refused: %s", used.version, used.task, found)
            else:
                self._in_use[used.task, used.shadow] = used
                self.book.activate(used.task, found, shadow=used.shadow)

    def outputs(self, now_ms: int) -> list[Out]:
        """What came out since the last call. now_ms: `emitted_at`."""
        book, emitted_at = self.book, datetime.fromtimestamp(now_ms / 1000, UTC)
        outs = []
        for score in book.scores:
            key = score.account.encode()
            value = encode_learned(replace(score, emitted_at=emitted_at))
            headers = [("score_id", score.score_id.encode()), CONTENT_TYPE]
            outs.append(Out(self._scores, key, value, headers))
            if score.value is not None and not score.shadow:
                outs.append(Out(self._interactions, key, encode_event(event_of(score))))
        for example in book.examples:
            outs.append(
                Out(self._examples, example.task.encode(), encode_example(example), [PACKED])
            )
        book.scores.clear()
        book.examples.clear()
        return outs


def key_of(account: str) -> bytes:
    """Where the changelog has the cases of an account."""
    return CASES + account.encode()


def in_use(header: Mapping[str, Any]) -> list[InUse]:
    """The models that a checkpoint's header names."""
    return [InUse(*used) for used in header.get("models", ())]


def event_of(score: LearnedScore) -> CloudEvent:
    """The score as an event of its account (docs/semantics.md, `score`)."""
    return CloudEvent(
        specversion="1.0",
        id=score.score_id,
        source=SOURCE,
        type=SCORE_TYPE,
        time=score.occurred_at,
        subject=score.account,
        data={"task": score.task, "value": score.value, "model": score.model},
        actorkind="system",
        provenance="derived",
    )


DAMAGED = (msgspec.MsgspecError, ValueError, LookupError, BadInput)
"""What `Scores.restore` raises for records that no release wrote."""
