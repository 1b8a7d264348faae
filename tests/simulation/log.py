"""The log of a partition: records of transactions, open, committed or aborted, and their markers.

Offsets are as Kafka gives them: a marker takes one, and readers of what is committed see nothing
from the first record of the oldest open transaction on (the last stable offset).
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.job import LogRecord
from streams.ports import Row


class Transaction:
    """of: its producer. is_committed: None while it is open."""

    def __init__(self, of: str) -> None:
        self.of = of
        self.is_committed: bool | None = None


class PartitionLog:
    """Records by offset; None where a marker lies."""

    def __init__(self) -> None:
        self._records: list[LogRecord | None] = []
        self._transactions: list[Transaction | None] = []
        self._open: dict[Transaction, int] = {}

    def append(self, rows: Iterable[Row], now_ms: int, by: Transaction | None = None) -> None:
        """Stamped with the broker's time."""
        if by is not None:
            self._open.setdefault(by, len(self._records))
        for row in rows:
            record = LogRecord(len(self._records), now_ms, row.key, row.value, row.headers)
            self._records.append(record)
            self._transactions.append(by)

    def mark(self, transaction: Transaction) -> None:
        """Its marker: readers may pass."""
        self._open.pop(transaction, None)
        self._records.append(None)
        self._transactions.append(None)

    @property
    def end(self) -> int:
        return len(self._records)

    @property
    def stable_end(self) -> int:
        return min(self._open.values(), default=len(self._records))

    def read(self, start: int = 0, end: int | None = None) -> list[LogRecord]:
        """What is committed, of this stretch."""
        end = self.stable_end if end is None else min(end, self.stable_end)
        pairs = zip(self._records[start:end], self._transactions[start:end], strict=True)
        return [r for r, by in pairs if r is not None and (by is None or by.is_committed)]

    def table(self) -> dict[bytes, bytes]:
        """What it says when it is compacted."""
        last = {record.key: record.value for record in self.read()}
        return {k: v for k, v in last.items() if k is not None and v is not None}
