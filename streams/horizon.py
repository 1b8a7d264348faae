"""How far time may go: up to the instant whose raw records are all carried into the interactions.

A deadline says that no answer came. After an outage the answers wait in the raw topic, and a clock
that ticks by the wall alone would fire every deadline before `ingest` has brought them over. Behind
a source's open transaction they wait as well, since nobody reads past it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from streams.clock import Clock

ASK_AGAIN_S = 0.1


class Offsets(Protocol):
    """What is asked of Kafka (streams/probe.py)."""

    async def begins(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]: ...
    async def appended(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]: ...
    async def group(self, topic: str, partitions: Collection[int]) -> Mapping[int, Any]: ...


class RawHorizon:
    """Looks where the raw topic ends now, and says that instant once the group has got there."""

    def __init__(self, offsets: Offsets, topic: str, partitions: int, clock: Clock) -> None:
        self._offsets = offsets
        self._topic = topic
        self._partitions = range(partitions)
        self._clock = clock
        self._asked_s = float("-inf")
        self._aim: Mapping[int, int] = {}
        self._aim_ms = 0
        self._carried_ms = 0

    async def carried_ms(self) -> int:
        """See `streams.ports.Horizon`; 0 while nothing is known. It lags by what ingest lags."""
        now_s = self._clock.steady_s()
        if now_s - self._asked_s >= ASK_AGAIN_S:
            self._asked_s = now_s
            await self._look()
        return self._carried_ms

    async def _look(self) -> None:
        group = await self._offsets.group(self._topic, self._partitions)
        reached = {partition: at.offset for partition, at in group.items()}
        if self._aim and self._is_past(reached):
            self._carried_ms = self._aim_ms
            self._aim = {}
        if not self._aim:
            now_ms = self._clock.wall_ms()  # before the question: what comes later is not in it
            self._aim = await self._offsets.appended(self._topic, self._partitions)
            self._aim_ms = now_ms
            if self._is_past(reached):
                self._carried_ms = now_ms

    def _is_past(self, reached: Mapping[int, int]) -> bool:
        return all(reached.get(p, -1) >= end for p, end in self._aim.items())
