"""The broker: logs, producers with epochs and transactions, offsets of the group.

A commit is decided at once and becomes visible place by place, as each gets its marker; until then
the producer is busy. Whoever starts a producer of the same name fences the one before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import NamedTuple

from streams.ports import Row
from tests.simulation.log import PartitionLog, Transaction
from tests.simulation.loop import Loop
from tests.simulation.network import BrokerError

Place = tuple[str, int]
"""Topic and partition."""

BEGIN_MS = 1_772_442_000_000  # 2026-03-02T09:00Z
TRANSACTION_TIMEOUT_S = 10.0
MARKER_S = (0.0, 0.0, 0.001, 0.01, 0.1)
BUSY = -1


OnCommit = Callable[[str, int, dict[Place, list[Row]]], None]
"""Producer, number of its start, rows by place."""


class Offset(NamedTuple):
    """A place of the group, and its note."""

    offset: int
    metadata: str


class Producer:
    """epoch: of its newest owner. born: number of its newest start, among all starts. marks:
    markers that are still to be written.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.born = 0
        self.transaction: Transaction | None = None
        self.touched: dict[Place, list[Row]] = {}
        self.offsets: dict[Place, Offset] = {}
        self.marks = 0


class Broker:
    """on_commit: is told what is in a transaction when it is decided."""

    def __init__(self, loop: Loop, chance: Random) -> None:
        self.logs: dict[Place, PartitionLog] = defaultdict(PartitionLog)
        self.offsets: dict[Place, Offset] = {}
        self.marker_slowness = 1.0
        self.on_commit: OnCommit = lambda id, born, rows: None
        self._loop = loop
        self._chance = chance
        self._producers: dict[str, Producer] = defaultdict(Producer)
        self._starts = count(1)

    def now_ms(self) -> int:
        return BEGIN_MS + int(self._loop.now_s * 1000)

    def append(self, place: Place, *rows: Row) -> None:
        """Outside any transaction."""
        self.logs[place].append(rows, self.now_ms())

    def bounds(self, place: Place) -> tuple[int, int]:
        return 0, self.logs[place].stable_end

    def start(self, id: str) -> int:
        """The epoch of a new owner; BUSY until the transaction before is done with."""
        producer = self._producers[id]
        if producer.transaction:
            producer.epoch += 1
            self._end(id, is_committed=False)
        if producer.marks:
            return BUSY
        producer.epoch += 1
        producer.born = next(self._starts)
        return producer.epoch

    def send(self, id: str, epoch: int, place: Place, rows: Sequence[Row]) -> int:
        """Rows of a transaction, which begins with the first; the end of the log with them."""
        producer = self._owned(id, epoch)
        if producer.marks:
            return BUSY
        transaction = self._begun(id, producer)
        producer.touched.setdefault(place, []).extend(rows)
        self.logs[place].append(rows, self.now_ms(), transaction)
        return self.logs[place].end

    def send_offset(self, id: str, epoch: int, place: Place, offset: Offset) -> int:
        producer = self._owned(id, epoch)
        if producer.marks:
            return BUSY
        self._begun(id, producer)
        producer.offsets[place] = offset
        return 0

    def commit(self, id: str, epoch: int) -> None:
        producer = self._owned(id, epoch)
        if producer.transaction is None:
            raise BrokerError("there is no transaction")
        self._end(id, is_committed=True)

    def has_open(self) -> bool:
        return any(p.transaction or p.marks for p in self._producers.values())

    def _owned(self, id: str, epoch: int) -> Producer:
        producer = self._producers[id]
        if producer.epoch != epoch:
            raise BrokerError("fenced")
        return producer

    def _begun(self, id: str, producer: Producer) -> Transaction:
        if producer.transaction is None:
            producer.transaction = Transaction(id)
            self._after(TRANSACTION_TIMEOUT_S, partial(self._time_out, id, producer.transaction))
        return producer.transaction

    def _time_out(self, id: str, transaction: Transaction) -> None:
        producer = self._producers[id]
        if producer.transaction is transaction:
            producer.epoch += 1
            self._end(id, is_committed=False)

    def _end(self, id: str, *, is_committed: bool) -> None:
        producer = self._producers[id]
        transaction, touched, offsets = producer.transaction, producer.touched, producer.offsets
        assert transaction is not None, "a transaction ends once"
        if is_committed:
            self.on_commit(id, producer.born, touched)
        transaction.is_committed = is_committed
        producer.transaction, producer.touched, producer.offsets = None, {}, {}
        marks = [partial(self.logs[place].mark, transaction) for place in touched]
        if is_committed:
            marks += [partial(self.offsets.__setitem__, *of) for of in offsets.items()]
        producer.marks = len(marks)
        for mark in marks:
            delay_s = self._chance.choice(MARKER_S) * self.marker_slowness
            self._after(delay_s, partial(self._mark, producer, mark))

    def _mark(self, producer: Producer, mark: Callable[[], None]) -> None:
        mark()
        producer.marks -= 1

    def _after(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._loop.call_later(delay_s, callback, context=self._loop.outside)
