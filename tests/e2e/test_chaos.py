"""The short part of the fault suite (`make chaos` is the whole); more faults lie in this folder.

Each is played small, under a seed that is drawn and told.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from streams.broker import EmbeddedKafka
from tests.chaos.play import play
from tests.chaos.registry import FAULTS
from tests.chaos.stage import Stage

SIZE = 0.15
SHORT = ("F3", "F4", "F10", "F11", "F17", "F20")


@pytest.mark.parametrize("name", SHORT)
async def test_a_fault_costs_time_and_nothing_else(
    name: str, embedded_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    seed = random.randrange(2**32)
    found = await play(fault, Stage(embedded_kafka, tmp_path, seed, SIZE))
    assert found.broken == [], f"again with `python -m tests.chaos --only {name} --seed {seed}`"
