"""Rejected records: to the dead letters, one by one, while they are few; beyond that, stop.

A few bad records are somebody's mistake and must not hold up the others. Many are a wrong
deployment, which must not drain a topic into the dead letters. The count is part of the
checkpoint, so a restart does not forget it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from models.errors import BadInput
from streams.job import Out, Record, TooManyRejects

WINDOW = 10_000  # records


class RejectLimits(NamedTuple):
    """ratio_max: of the last 10,000 records of a partition. in_row_max: records."""

    ratio_max: float
    in_row_max: int


class Rejects:
    """The rejects of one agent and partition.

    source: topic and partition of the records. to: the topic of dead letters. stats: the job's
    counts; `reject:REASON` goes there.
    """

    def __init__(
        self,
        agent: str,
        source: tuple[str, int],
        to: str,
        limits: RejectLimits,
        stats: Counter[str],
    ) -> None:
        self.waiting: list[Out] = []
        self._agent = agent
        self._source = source
        self._to = to
        self._limits = limits
        self._stats = stats
        self._seen = 0
        self._at: deque[int] = deque()  # ordinals of the last rejects
        self._in_row = 0

    def seen(self, records: int) -> None:
        """So many records were looked at, rejected ones among them."""
        self._seen += records

    def add(self, record: Record, fault: BadInput, ahead: int) -> None:
        """A record that cannot be used. ahead: records of its batch that came before it."""
        self.set_aside(record, fault)
        ordinal = self._seen + ahead
        self._in_row = self._in_row + 1 if self._at and self._at[-1] == ordinal - 1 else 1
        self._at.append(ordinal)
        while self._at[0] <= ordinal - WINDOW:
            self._at.popleft()
        self._check(record, fault)

    def set_aside(self, record: Record, fault: BadInput) -> None:
        """A dead letter that is not held against the input."""
        self._stats[f"reject:{fault.reason}"] += 1
        topic, partition = self._source
        told = {
            "topic": topic,
            "partition": str(partition),
            "offset": str(record.offset),
            "reason": fault.reason,
            "message": fault.detail,
            "agent": self._agent,
        }
        headers = [(f"dead.{name}", text.encode("utf-8", "replace")) for name, text in told.items()]
        out = Out(self._to, record.key, record.value, [*record.headers, *headers], partition)
        self.waiting.append(out)

    def _check(self, record: Record, fault: BadInput) -> None:
        limits = self._limits
        too_many = len(self._at) > limits.ratio_max * WINDOW
        if not too_many and self._in_row < limits.in_row_max:
            return
        topic, partition = self._source
        raise TooManyRejects(
            f"{self._agent}: {len(self._at)} of the last {min(self._seen, WINDOW)} records of"
            f" {topic}/{partition} are rejected, {self._in_row} in a row; the last one is offset"
            f" {record.offset}: {fault.reason}. Nothing of them is lost. If this is the input's"
            " fault and they may go to the dead letters, raise PATHLINE_REJECTS_RATIO_MAX and"
            " PATHLINE_REJECTS_IN_ROW_MAX; else deploy what can read them."
        )

    def take(self) -> list[Out]:
        """The dead letters since the last call."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def header(self) -> dict[str, Any]:
        """What a checkpoint must keep; `restore` reads it."""
        return {"seen": self._seen, "at": list(self._at), "in_row": self._in_row}

    def restore(self, header: Mapping[str, Any]) -> None:
        self._seen = header["seen"]
        self._at = deque(header["at"])
        self._in_row = header["in_row"]
