"""Trees that grow in another process are those that would have grown here."""

from __future__ import annotations

import numpy as np

from models.learners.boosting import fit
from models.learners.challenger import Batch
from streams.refit import grow_apart


async def test_a_process_apart_grows_the_same_trees() -> None:
    chance = np.random.default_rng(7)
    values = chance.normal(size=(300, 3)).astype(np.float32)
    labels = (values[:, 0] > 0).astype(np.uint8)
    batch = Batch(values, labels, np.ones(300), 300)
    assert await grow_apart(batch) == fit(values, labels, batch.weights).dump()
