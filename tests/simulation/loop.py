"""The event loop of the simulation: virtual time, chance for an order, processes that die anywhere.

Below everything else. Whatever is ready runs in an order that the seed draws, so each await is a
place where another task, another process or death may come in between. Nothing here sleeps.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from itertools import count
from random import Random
from typing import Any
from warnings import catch_warnings

from tests.simulation.process import OWNER, Process

STEPS_MAX = 300_000  # of one run; beyond that something spins


class Step:
    """A callback that is ready, or will be. As asyncio's handles, it can be cancelled."""

    __slots__ = ("args", "callback", "context", "is_cancelled", "owner")

    def __init__(self, callback: Any, args: Any, context: Context | None) -> None:
        self.callback = callback
        self.args = args
        self.context = copy_context() if context is None else context  # an empty one is false
        self.owner = self.context.get(OWNER)
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop(asyncio.AbstractEventLoop):
    """As much of an event loop as the shell uses: tasks, futures, timers. now_s: virtual time."""

    def __init__(self, chance: Random) -> None:
        self.now_s = 0.0
        self.steps = 0
        self.outside = Context()  # of what belongs to no process: the broker, the network
        self.tasks: list[asyncio.Task[Any]] = []
        self._chance = chance
        self._ready: list[Step] = []
        self._timers: list[tuple[float, int, Step]] = []
        self._numbers = count()

    def time(self) -> float:
        return self.now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Asked by dying tasks; `unexpected` looks at them all in the end."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> Any:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        step = Step(callback, args, context)
        self._ready.append(step)
        return step

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        step = Step(callback, args, context)
        heapq.heappush(self._timers, (when, next(self._numbers), step))
        return step

    def spawn(self, process: Process, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task of the process; the tasks that it begins are of that process as well."""
        context = self.outside.copy()
        context.run(OWNER.set, process)
        self.create_task(work, context=context)

    def wake(self, process: Process) -> None:
        """It goes on where it stood still."""
        process.is_paused = False
        self._ready += process.parked
        process.parked.clear()

    def run_until(self, is_done: Callable[[], bool]) -> None:
        """Step by step. What a step of no process raises ends the run: the world found a fault."""
        asyncio._set_running_loop(self)
        try:
            while not is_done():
                if not self._ready:
                    self._pass_time()
                self._run(self._draw())
        finally:
            asyncio._set_running_loop(None)

    def _pass_time(self) -> None:
        timers = self._timers
        assert timers, "everything waits for ever"
        self.now_s = max(self.now_s, timers[0][0])
        while timers and timers[0][0] <= self.now_s:
            self._ready.append(heapq.heappop(timers)[2])

    def _draw(self) -> Step:
        ready = self._ready
        place = int(self._chance.random() * len(ready))
        ready[place], ready[-1] = ready[-1], ready[place]
        return ready.pop()

    def _run(self, step: Step) -> None:
        process = step.owner
        if step.is_cancelled or (process and process.is_dead):
            return
        if process and process.is_paused:
            process.parked.append(step)
            return
        if process and process.steps_left is not None:
            process.steps_left -= 1
            if process.steps_left < 0:
                process.kill()
                return
        self.steps += 1
        assert self.steps < STEPS_MAX, "no end in sight"
        step.context.run(step.callback, *step.args)

    def unexpected(self, allowed: tuple[type[BaseException], ...]) -> list[BaseException]:
        """What tasks ended with, other than these."""
        ended = [task for task in self.tasks if task.done() and not task.cancelled()]
        errors = [error for task in ended if (error := task.exception())]
        return [error for error in errors if not isinstance(error, allowed)]

    def bury(self) -> None:
        """Let go of what is unfinished, quietly: the run is over."""
        asyncio._set_running_loop(self)
        try:
            for task in self.tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    with suppress(BaseException), catch_warnings(action="ignore"):
                        task.get_coro().close()  # type: ignore[union-attr]
        finally:
            asyncio._set_running_loop(None)
