"""Draining a backlog: what a program uses from its first event to its last commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from streams.broker import EmbeddedKafka
from tests.bench.program import Program, cpu_s

START_POLL_S = 0.05
POLL_S = 1.0  # asking costs the program some ms; when it is done it idles, so CPU is not missed


@dataclass(frozen=True)
class Drain:
    """cpu_s, wall_s, broker_cpu_s: from the first event to the last commit; start-up is apart.
    wall_s is up to a second too long.

    bytes_in: keys and values as they are before compression.
    """

    events: int
    bytes_in: int
    cpu_s: float
    wall_s: float
    broker_cpu_s: float
    rss_max_bytes: int

    @property
    def cpu_s_per_million(self) -> float:
        """s of the program's CPU per million events, which is µs per event.

        >>> Drain(500_000, 1, 10.0, 12.0, 1.0, 1).cpu_s_per_million
        20.0
        """
        return self.cpu_s / self.events * 1e6


async def measure(
    program: Program,
    kafka: EmbeddedKafka,
    done: Callable[[], Awaitable[int | None]],
    events: int,
    bytes_in: int,
) -> Drain:
    """Wait until all events are done; `done` tells how many are, None while it still starts."""
    broker = psutil.Process(kafka.pid)
    began = (0.0, 0.0, 0.0)
    while True:
        count = await done()
        sample = time.monotonic(), program.cpu_s(), cpu_s(broker)
        if count is None:
            began = sample
        elif count >= events:
            wall, cpu, broker_cpu = (now - then for now, then in zip(sample, began, strict=True))
            return Drain(events, bytes_in, cpu, wall, broker_cpu, program.rss_max_bytes)
        await asyncio.sleep(START_POLL_S if count is None else POLL_S)
