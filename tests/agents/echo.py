"""An agent that says each value again: what the shell does shows in it, without rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams.control import Control, Tick, is_control, parse_control
from streams.job import Out, Poison, Record, Snapshot, TooManyRejects


class EchoJob:
    """Says each value again and remembers all: shows loss, repeats, order. `bad` breaks it."""

    tells_apart = True

    def __init__(self, poison: Sequence[Poison]) -> None:
        self.words: list[str] = []
        self.clock = 0
        self.deadline: int | None = None
        self._out: list[Out] = []
        self._known = {known.offset for known in poison}

    @property
    def outputs_waiting(self) -> bool:
        return bool(self._out)

    def apply(self, records: Sequence[Record]) -> None:
        for record in records:
            value = (record.value or b"").decode()
            if is_control(record.key):
                control = parse_control(record.key or b"", record.value)
                assert isinstance(control, Tick)
                self.clock = control.clock_ms
                self.deadline, value = None, "tick"
            if value == "many":
                raise TooManyRejects("too many")
            if value == "bad" and record.offset in self._known:
                value = "skipped"
            self.words.append(value)  # a bug leaves its half behind
            if value == "bad":
                raise Poison(record.offset, "acme", "the trace")
            self._out.append(Out("echo", record.key, value.encode(), partition=0))

    def snapshot(self, now_ms: int) -> Snapshot:
        words = ",".join(self.words).encode()
        return self.tell(now_ms)._replace(changes=[(b"words", words)], header={"v_job": 1})

    def tell(self, now_ms: int) -> Snapshot:
        out, self._out = self._out, []
        return Snapshot([], {}, out, Counter(applied=len(out)))

    def restore(self, blobs: Iterable[tuple[bytes, bytes]], header: Mapping[str, Any]) -> None:
        self.words = dict(blobs)[b"words"].decode().split(",")

    def greetings(self) -> list[Control]:
        return []

    def next_deadline(self) -> int | None:
        return self.deadline

    def gauges(self, until_ms: int) -> Mapping[str, float]:
        return {}


class EchoAgent:
    """Reads the topic `in`."""

    name = "echo"
    source = "in"

    async def make_job(
        self, partition: int, header: Mapping[str, Any], poison: Sequence[Poison]
    ) -> EchoJob:
        return EchoJob(poison)

    async def prepare(self, partition: int, records: Sequence[Record]) -> None:
        """Nothing to load."""
