"""Grows trees in a process of their own, and writes them into the log of the examples.

Beside `learn`: a fit takes seconds and must not hold up the event loop. Its outcome is a control
record, so that whoever reads the log again takes the same trees at the same place.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread

from models.learners.challenger import Batch, Settings
from streams.control import Grown, encode_control
from streams.ports import Appender

log = logging.getLogger(__name__)

Grow = Callable[[Batch], Awaitable[bytes]]
"""The trees that fit the rows, as `Trees.dump` gives them."""


def grow(batch: Batch) -> bytes:
    """In the other process; the only place where scikit-learn is imported."""
    from models.learners.boosting import fit

    return fit(batch.values, batch.labels, batch.weights).dump()


async def grow_apart(batch: Batch) -> bytes:
    """In a process that lives for this one fit, and no longer than we do."""
    context = get_context("spawn")  # a fork would copy our threads' locks
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, grow, batch)
    finally:
        pool.shutdown(wait=False)  # it ends by itself; the loop does not wait for that


def _end_with_parent() -> None:
    """A pool's process outlives a parent that was killed: it waits for work for ever."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class Refits:
    """One fit at a time in this worker. grow: another one, for tests."""

    def __init__(self, appender: Appender, topic: str, grow: Grow = grow_apart) -> None:
        self._appender = appender
        self._topic = topic
        self._grow = grow
        self._asked: dict[tuple[str, str], int] = {}
        self.busy: asyncio.Task[None] | None = None

    def is_free(self, task: str, learner: str, learned: int) -> bool:
        """False while trees are grown, or those of this learner are on their way to it.

        learned: cases so far; what the next fit needs is told by those of the last one.
        """
        if self.busy is not None and not self.busy.done():
            return False
        asked = self._asked.get((task, learner))
        return asked is None or learned >= Settings().due(asked)

    def ask(self, partition: int, task: str, learner: str, batch: Batch) -> None:
        """Grow trees for this learner."""
        self._asked[task, learner] = batch.learned
        work = self._write(partition, task, learner, batch)
        self.busy = asyncio.ensure_future(work)

    async def _write(self, partition: int, task: str, learner: str, batch: Batch) -> None:
        try:
            trees = await self._grow(batch)
            grown = Grown(task=task, learner=learner, learned=batch.learned, trees=trees)
            await self._appender.append(self._topic, partition, *encode_control(grown))
        except Exception as error:  # the next example asks again
            self._asked.pop((task, learner), None)
            log.warning("no trees for %s of %s: %r", learner, task, error)
