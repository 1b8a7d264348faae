"""What an account remembers for its scores, as bytes for the changelog: a record of its own.

Beside the account's other state (rules/snapshot.py), so that an account without cases costs
nothing, and a release that knows of no scores passes it over. A front that is cheap to read tells
the next deadline, so that accounts stay asleep.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from zlib import crc32

import msgspec

from models.errors import Unavailable
from models.learners.kept import KeptRow
from models.learners.open_case import TaskAccount

VERSION = 1
_FRONT = Struct(">BIq")  # version, checksum of what follows it, due
FRONT_BYTES = _FRONT.size
_CHECKED = slice(5, None)


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
    data = bytearray(_FRONT.pack(VERSION, 0, due_of(states)) + _encode(states))
    data[1:5] = crc32(memoryview(data)[_CHECKED]).to_bytes(4)
    return bytes(data)


def read_due(data: bytes) -> int:
    """The next horizon, without decoding the rest.

    Raises Unavailable for a version of a later release, ValueError for bytes nobody wrote.

    >>> read_due(encode_states({"conversion": TaskState("stamp")}))
    0
    """
    version = data[0] if data else 0
    if version > VERSION:
        raise Unavailable(
            f"the state of scores has version {version}, this release reads {VERSION}:"
            " start the release that wrote it, or a later one"
        )
    if version != VERSION or len(data) < FRONT_BYTES:
        raise ValueError("it has no front")
    _, checksum, due = _FRONT.unpack_from(data)
    if crc32(memoryview(data)[_CHECKED]) != checksum:
        raise ValueError("its checksum does not fit")
    return int(due)


def decode_states(data: bytes) -> States:
    """Raises as `read_due`, and msgspec's errors."""
    read_due(data)
    return _decode(memoryview(data)[FRONT_BYTES:])
