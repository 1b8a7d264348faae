"""Whatever fails, and whenever: what is told and kept is what the pure engine says of the log.

    SIM_CASES=50000 SIM_SEED=7 python -m pytest tests/simulation/test_simulation.py

looks longer and elsewhere. A failing seed prints itself and how to see it again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.plants import PLANTS
from tests.simulation.pool import Simulate, pool
from tests.simulation.run import NOTABLE

CASES = int(os.environ.get("SIM_CASES", "1000"))
SEED = int(os.environ.get("SIM_SEED", "1"))
FOUND = {  # a seed drifts as the shell changes; the plants keep what was found for good
    11: "a deadline fired though its answer waited behind a source's open transaction",
    14: "the same",
    29: "a checkpoint that began while others were closed failed, and ended the worker",
    238: "the same",
    35: "a partition that was revoked while it was opened ended the worker",
    80: "the same",
}
PLANTED_SEEDS = 1000  # the rarest is found in about 120
SHOWN = 3  # of the seeds that fail


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulate]:
    with pool() as simulate:
        yield simulate


def test_every_seed_is_well(simulated: Simulate) -> None:
    unseen, ill = set(NOTABLE), []
    for report in simulated(range(SEED, SEED + CASES)):
        unseen -= report.seen
        ill += [str(report)] if report.faults else []
    assert not ill, f"{len(ill)} of {CASES} seeds\n" + "\n\n".join(ill[:SHOWN])
    assert not unseen or CASES < 500, "never happened: the simulation has lost some of its teeth"


def test_seeds_that_found_something_stay_well(simulated: Simulate) -> None:
    ill = [f"{FOUND[r.seed]}\n{r}" for r in simulated(FOUND) if r.faults]
    assert not ill, "\n\n".join(ill)


@pytest.mark.parametrize("plant", [plant.name for plant in PLANTS])
def test_a_planted_bug_is_found(simulated: Simulate, plant: str) -> None:
    reports = simulated(range(SEED, SEED + PLANTED_SEEDS), plant)
    assert any(report.faults for report in reports), f"not in {PLANTED_SEEDS} seeds"


def test_the_same_seed_gives_the_same_trace_byte_by_byte() -> None:
    """In other processes, whose sets and dictionaries of strings are ordered otherwise."""
    one, other = (trace_of(seed=SEED + 2, hashes=hashes) for hashes in ("1", "2"))
    assert one == other
    assert b"is well" in one
    assert one.count(b"commits") > 10


def trace_of(seed: int, hashes: str) -> bytes:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed)]
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONHASHSEED": hashes}, capture_output=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
