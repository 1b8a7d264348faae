"""How much memory a run will take, told before it starts. Beside the data path.

What grows is the state of accounts, so a look at the head of the input says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from models.event import Event
from streams.backtest.bad_rows import BadRows
from streams.backtest.file_input import FileInput
from streams.backtest.order import PIECE
from streams.backtest.request import Request
from streams.codec import RawLimits

SAMPLE = 5_000  # events
MAIN_BYTES = 300 << 20  # with polars and plotly, which make tables and report; measured
LANE_BYTES = 80 << 20  # a process of its own; measured: 60 to 75 MiB
EVENT_BYTES = 1_400  # in a buffer: an event of 200 bytes of JSON
ACCOUNT_BYTES = 5_000  # measured by `make bench-backtest`: sequence, ids, cases of three rules
TASK_BYTES = 120 << 20  # kept rows of boosted trees; docs/scores.md, Figures
MIB = 1 << 20


class Estimate(NamedTuple):
    """accounts: at most so many, by the head of the input; None: nobody can tell."""

    bytes: int
    accounts: int | None
    processes: int

    def __str__(self) -> str:
        if self.accounts is None:
            return (
                f"memory: about {self.bytes // MIB} MiB and {ACCOUNT_BYTES // 1000} kB an account"
            )
        known = f"for up to {self.accounts:,} accounts"
        return f"memory: at most about {self.bytes // MIB} MiB, {known}"


def estimate(request: Request) -> Estimate:
    """Raises BadSetting like the run itself. Reads the head of every file once more."""
    processes = request.processes
    base = MAIN_BYTES + LANE_BYTES * (processes if processes > 1 or request.topic else 0)
    base += TASK_BYTES * len(request.tasks)
    if request.topic:
        return Estimate(base, None, processes)
    accounts = 0
    for path in request.files:
        accounts += _accounts(request, path)
        is_sorted = request.sort or bool(request.mapping and request.mapping.sort)
        base += (PIECE if is_sorted else request.buffer) * EVENT_BYTES
    states = accounts * (1 + len(request.tasks))
    return Estimate(base + states * ACCOUNT_BYTES, accounts, processes)


def _accounts(request: Request, path: Path) -> int:
    """At most so many in a file, if the rest of it brings new ones as its head does."""
    with TemporaryDirectory() as folder, closing(BadRows(Path(folder) / "bad")) as bad:
        limits = RawLimits(request.settings.record_bytes_max, 0)
        source = FileInput([path], request.mapping, bad, limits)
        head: Iterator[Event] = islice(source.unsorted(), SAMPLE)
        events = [event.subject for event in head]
        share = source.done
    known = len(set(events))
    if len(events) < SAMPLE:
        return known
    return round(known / max(share, 1e-6))
