"""The ports of the shell: all that the runtime asks of Kafka and Faust, and nothing more.

Real ones are in `transport.py`, `writer.py`, `appender.py`, `table.py`; a simulation brings its own
log, broker and clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, NoReturn, Protocol

from streams.job import Headers

Die = Callable[[int, str], NoReturn]
"""Log the message and end the process at once, with this exit code."""


class Row(NamedTuple):
    """A record to write, its topic and partition decided."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


Rows = Mapping[tuple[str, int], Sequence[Row]]
"""By topic and partition, in the order in which they are to lie there."""

Ends = Mapping[tuple[str, int], int]
"""By topic and partition: one past the offset of the last record that was written there."""


class Source(Protocol):
    """The topic that an agent reads, read_committed."""

    async def bounds(self, partition: int) -> tuple[int, int]:
        """Offset of its first record, and one past its last committed one."""

    def end(self, partition: int) -> int | None:
        """One past its last committed record as of the newest fetch; None: nothing is known."""

    def waiting(self) -> int:
        """Deliveries that wait for the agent."""

    async def seek(self, partition: int, offset: int) -> int:
        """Deliver from here on. Returns the epoch that batches fetched after the seek carry."""


class Blobs(Protocol):
    """What the changelog says of a partition, by key."""

    def get(self, key: bytes, /) -> bytes | None: ...

    def items(self) -> Iterable[tuple[bytes, bytes]]: ...


class Store(Protocol):
    """The agent's table: what the changelog says. Holds only what is committed."""

    def load(self, partition: int) -> Blobs: ...

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], end: int
    ) -> None:
        """After the commit, never before. end: of the changelog, one past the last of them."""


class Horizon(Protocol):
    """How far time may go: nobody may say "no answer came" of answers that still wait outside."""

    async def carried_ms(self) -> int:
        """What was appended to the raw topic before this instant is committed to ours."""


class Writer(Protocol):
    """Writes the checkpoints of one partition of one agent."""

    async def start(self) -> None:
        """Fence the owner before us: from here on nothing of his can become visible."""

    async def commit(self, rows: Rows, next: int | None, note: str) -> Ends:
        """All rows and the group's offset in one transaction. Any error: it is not committed.

        next: the offset; None leaves it, which saves two of five round trips. note: its metadata,
        at most 4 kB.
        """

    async def stop(self) -> None: ...


class Appender(Protocol):
    """Appends single records outside any transaction: ticks, activations, fences."""

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Returns when the record is in the log."""
