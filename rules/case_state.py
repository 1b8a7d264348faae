"""What an account remembers for its scores, as bytes for the changelog: a record of its own.

Beside the account's other state (rules/snapshot.py), so that an account without cases costs
nothing, and a release that knows of no scores passes it over. A front that is cheap to read tells
the next deadline, so that accounts stay asleep.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from models.learners.kept import KeptRow
from models.learners.open_case import TaskAccount
from rules.envelope import Envelope

VERSION = 1
ENVELOPE = Envelope(VERSION, "q", "the state of scores")  # its front: due


class ScoredCase(msgspec.Struct, array_like=True):
    """since: start, ms. rows: as they were scored. value: last published, None: withheld.

    told: whether anything was published.
    """

    since: int
    rows: list[KeptRow] = []
    value: float | None = None
    told: bool = False


class TaskState(msgspec.Struct, array_like=True):
    """stamp: of the task that it belongs to. scored: by the name of the case, the oldest first."""

    stamp: str
    account: TaskAccount = msgspec.field(default_factory=TaskAccount)
    scored: dict[str, ScoredCase] = {}


class DeskState(msgspec.Struct, array_like=True, frozen=True):
    """What a partition keeps of a task for all its accounts. recent: the last scores.

    pending: scored cases whose label is not known yet.
    """

    v: int
    stamp: str
    workload: bytes
    recent: list[float]
    pending: int = 0


States = dict[str, TaskState]
"""Of one account, by task."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(States).decode
encode_desk = msgspec.msgpack.Encoder().encode
decode_desk = msgspec.msgpack.Decoder(DeskState).decode


def due_of(states: Mapping[str, TaskState]) -> int:
    """The next horizon of a case, ms; 0: none."""
    dues = (state.account.due() for state in states.values())
    return min((due for due in dues if due), default=0)


def encode_states(states: States) -> bytes:
    """The whole state; `decode_states` gives it back equal."""
    return ENVELOPE.seal((due_of(states),), _encode(states))


def read_due(data: bytes) -> int:
    """The next horizon, without decoding the rest.

    Raises as `Envelope.open`.

    >>> read_due(encode_states({"conversion": TaskState("stamp")}))
    0
    """
    (due,) = ENVELOPE.open(data)
    return int(due)


def decode_states(data: bytes) -> States:
    """Raises as `read_due`, and msgspec's errors."""
    read_due(data)
    return _decode(memoryview(data)[ENVELOPE.begins :])
