"""The network: what is between a process and the broker. A call takes time, fails, or hangs.

A request that has left its process arrives, whatever becomes of the process; an answer may be
lost, and then the caller does not know what the broker has done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.loop import Loop

FAST_S = (0.0, 0.0, 0.0, 0.001, 0.003, 0.01, 0.05)


class BrokerError(Exception):
    """The broker says no, or nothing."""


class Network:
    """is_down: nobody is reached. fails: so that calls fail, not hang. slowness: factor.

    lost: share of answers that get lost. stuck: share of requests that take stuck_s.
    stuck_until_s: when the last of them arrives.
    """

    def __init__(self, loop: Loop, chance: Random) -> None:
        self.is_down = False
        self.fails = False
        self.slowness = 1.0
        self.lost = 0.0
        self.stuck = 0.0
        self.stuck_s = 12.0
        self.stuck_until_s = 0.0
        self._loop = loop
        self._chance = chance
        self._held: list[Callable[[], None]] = []

    async def ask(self, effect: Callable[..., Any], *args: Any) -> Any:
        """What the broker does and answers. Raises BrokerError."""
        future = self._loop.create_future()
        delay_s = self.delay_s()
        if self.stuck and self._chance.random() < self.stuck:
            delay_s += self.stuck_s
            self.stuck_until_s = self._loop.now_s + delay_s
        self._after(delay_s, self._arrive, future, effect, args)
        return await future

    def delay_s(self) -> float:
        return self._chance.choice(FAST_S) * self.slowness

    def repair(self) -> None:
        """Up again; what hung arrives."""
        self.is_down, self.slowness, self.lost, self.stuck = False, 1.0, 0.0, 0.0
        held, self._held = self._held, []
        for arrive in held:
            self._after(self.delay_s(), arrive)

    def _after(self, delay_s: float, callback: Callable[..., None], *args: Any) -> None:
        self._loop.call_later(delay_s, callback, *args, context=self._loop.outside)

    def _arrive(self, future: asyncio.Future[Any], effect: Callable[..., Any], args: Any) -> None:
        if self.is_down:
            if self.fails:
                self._after(1.0, self._answer, future, None, BrokerError("nobody is reached"))
            else:
                self._held.append(lambda: self._arrive(future, effect, args))
            return
        answer, error = None, None
        try:
            answer = effect(*args)
        except BrokerError as refusal:
            error = refusal
        if self.lost and self._chance.random() < self.lost:
            error = BrokerError("no answer came")
        self._after(self.delay_s(), self._answer, future, answer, error)

    def _answer(self, future: asyncio.Future[Any], answer: Any, error: BrokerError | None) -> None:
        if future.done():  # nobody waits for it any more
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)
