"""One pass of a learner over a log, as live: each row is scored by what had matured before it."""

from __future__ import annotations

from time import thread_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import linear_model, optim, preprocessing

from models.learners import boosting
from models.learners.base import Example, Learner
from models.learners.challenger import Refitted
from tests.bench_scores.prepared import Prepared

Floats = NDArray[np.float64]


class Pass(NamedTuple):
    """said: of each row. CPU µs for a score and for a row that is learned. memory: bytes."""

    said: Floats
    score_us: float
    learn_us: float
    fit_s: float
    memory: int


def online(log: Prepared, learner: Learner) -> Pass:
    """A learner of ours; one that wants to be refitted is, at once, and that counts apart."""
    said = np.full(len(log.rows), 0.5)
    scoring = learning = fitting = 0.0
    learned = fits = 0
    for step in log.steps:
        began = thread_time()
        if isinstance(step, int):
            said[step] = learner.predict_many((log.rows[step],))[0]
            scoring += thread_time() - began
            continue
        rows = tuple(log.rows[at] for at in step.rows)
        learner.learn_case(Example(str(step.case), rows, step.label, 0))
        learning += thread_time() - began
        learned += len(rows)
        if isinstance(learner, Refitted) and (batch := learner.batch()) is not None:
            began = thread_time()
            trees = boosting.fit(batch.values, batch.labels, batch.weights)
            learner.take(trees, batch.learned)
            fitting += thread_time() - began
            fits += 1
    return Pass(
        said,
        scoring / len(log.rows) * 1e6,
        learning / max(learned, 1) * 1e6,
        fitting / max(fits, 1),
        learner.memory_bytes(),
    )


def naive(log: Prepared) -> Pass:
    """River's logistic regression as its examples have it: scaled, SGD, row by row.

    On the plain features: paces, clock and counts, without what is hashed, faded or encoded.
    """
    model: Any = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.01))
    plain = [at for at, name in enumerate(log.schema.names) if _is_plain(name)]
    names = [log.schema.names[at] for at in plain]
    said = np.full(len(log.rows), 0.5)
    scoring = learning = 0.0
    learned = 0
    for step in log.steps:
        began = thread_time()
        if isinstance(step, int):
            x = _known(names, log.rows[step].values[plain].tolist())
            said[step] = model.predict_proba_one(x).get(True, 0.5)
            scoring += thread_time() - began
            continue
        for at in step.rows:
            x = _known(names, log.rows[at].values[plain].tolist())
            model.learn_one(x, bool(step.label))
        learning += thread_time() - began
        learned += len(step.rows)
    return Pass(said, scoring / len(said) * 1e6, learning / max(learned, 1) * 1e6, 0.0, 0)


def _is_plain(name: str) -> bool:
    no = ("fading", "nearness", "transitions", "ended", "past the start", "other types", "load of")
    return not any(part in name for part in no)


def _known(names: list[str], values: list[float]) -> dict[str, float]:
    """Without what is not known."""
    return {n: v for n, v in zip(names, values, strict=True) if v == v}
