"""What a shard hosts: a job is a function of its partition's log, and of nothing else.

Between transport and checkpoint: the runtime hands records in, in log order, and takes snapshots
out. A job never waits, knows no clock and no Kafka; so a replay, a test and a simulation run the
same one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from streams.control import Control

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """One record of the log; aiokafka's records are such. timestamp: append time, ms."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class LogRecord(NamedTuple):
    """A record made by hand: replays, tests."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Out(NamedTuple):
    """A record on its way. partition: None is murmur2 of the key, as Kafka's own clients do.

    since: ms; from here on it could have been told (append time of its cause, or its due instant).
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
    since: int | None = None


class Snapshot(NamedTuple):
    """A consistent cut between two records.

    changes: (key, value) for the changelog, None deletes. header: joins the position record.
    stats: counts since the last snapshot, by named reason, for the metrics. note: metadata of the
    group's offset, for whoever watches the input.
    """

    changes: Sequence[tuple[bytes, bytes | None]]
    header: dict[str, Any]
    outputs: Sequence[Out]
    stats: Counter[str]
    note: str = ""


class Poison(Exception):
    """A record broke the engine, maybe halfway: a bug. What the job holds must not be written.

    offset: of the record. account: whose state broke, None when it cannot be told. trace: for
    the dead letter.
    """

    def __init__(self, offset: int, account: str | None, trace: str) -> None:
        super().__init__(f"offset {offset}, account {account!r}: {trace}")
        self.offset = offset
        self.account = account
        self.trace = trace


class TooManyRejects(Exception):
    """More records are rejected than bad data explains: the worker stops, uncommitted."""


class Job(Protocol):
    """clock: ms, of the partition. outputs_waiting: a checkpoint would show something.

    tells_apart: its state is worth writing less often than its outputs (`tell`).
    """

    @property
    def clock(self) -> int: ...
    @property
    def tells_apart(self) -> bool: ...
    @property
    def outputs_waiting(self) -> bool: ...

    def restore(self, blobs: Iterable[tuple[bytes, bytes]], header: Mapping[str, Any]) -> None:
        """Take up where a checkpoint left off: its changelog and its snapshot's header."""

    def apply(self, records: Sequence[Record]) -> None:
        """Raises Poison for a record that breaks the engine, TooManyRejects for a broken input."""

    def snapshot(self, now_ms: int) -> Snapshot:
        """What changed since the last one; hands it out once. now_ms: stamps the outputs."""

    def tell(self, now_ms: int) -> Snapshot:
        """Only the outputs: no changes, no header. The state goes on from the last snapshot."""

    def greetings(self) -> list[Control]:
        """Control records that the partition's log needs, now that we hold it."""

    def next_deadline(self) -> int | None:
        """ms; nothing happens by time alone before it."""

    def gauges(self, until_ms: int) -> Mapping[str, float]:
        """Readings for the metrics, by name. until_ms: what is due by then is overdue."""
