"""A process of the simulation, and its death: at any step, or inside a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NoReturn


class Died(BaseException):
    """The process has ended here; nothing of it runs on."""


class Process:
    """What dies, stands still and wakes up as one: a worker.

    steps_left: to run until it is killed. calls_left: of its writers, until it is killed. skew_ms:
    its wall clock runs so far ahead. parked: steps that wait for it to wake up.
    """

    def __init__(self, name: str, on_death: Callable[[Process, int, str], None]) -> None:
        self.name = name
        self.is_dead = False
        self.is_paused = False
        self.steps_left: int | None = None
        self.calls_left: int | None = None
        self.skew_ms = 0
        self.parked: list[Any] = []
        self._on_death = on_death

    def kill(self, code: int = -9, why: str = "killed") -> None:
        if not self.is_dead:
            self.is_dead = True
            self.parked.clear()
            self._on_death(self, code, why)

    def die(self, code: int, message: str) -> NoReturn:
        """The port of that name (streams/ports.py): as `os._exit`, nothing of it goes on."""
        self.kill(code, message)
        raise Died(message)

    def writer_calls(self) -> None:
        """One more call of a writer; the one it was to die at, perhaps."""
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                self.die(-9, "killed inside a checkpoint")


OWNER: ContextVar[Process | None] = ContextVar("OWNER", default=None)
"""Whose step is running; None: the broker, the network, the outside."""
