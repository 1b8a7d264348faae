"""Seeds by the thousand, on all cores, each process fresh."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Protocol

from tests.simulation.plants import PLANTS
from tests.simulation.run import Report, simulate

CHUNK = 5  # seeds


class Simulate(Protocol):
    """Reports of these seeds, in their order, as they come. plant: the name of a bug."""

    def __call__(self, seeds: Iterable[int], plant: str | None = None) -> Iterator[Report]: ...


@contextmanager
def pool() -> Iterator[Simulate]:
    """Spawned, not forked: nothing of the parent's threads, locks and loggers comes along."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as processes:

        def simulated(seeds: Iterable[int], plant: str | None = None) -> Iterator[Report]:
            listed = list(seeds)
            yield from processes.map(_one, listed, [plant] * len(listed), chunksize=CHUNK)

        try:
            yield simulated
        finally:
            processes.shutdown(cancel_futures=True)


def _one(seed: int, plant: str | None) -> Report:
    """With a planted bug only the judge looks: that is the harder task."""
    if plant is None:
        return simulate(seed).shortened()
    planted = next(known for known in PLANTS if known.name == plant)
    return simulate(seed, planted, watches=False).shortened()
