"""Gradient boosting on matured rows: a pure function that a worker process runs, minutes apart.

Beside the data path, never in the event loop: a fit takes seconds. The only place that knows
scikit-learn, and what its fitted trees look like inside (tests compare with its own predictions).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from models.learners.challenger import Refitted
from models.learners.trees import Trees, without_splits

SEED = 7
ROUNDS = 100
THREADS = 1  # the other cores belong to the data path; and sums are in one order


def fit(
    values: NDArray[np.float32], labels: NDArray[np.uint8], weights: NDArray[np.float64]
) -> Trees:
    """Trees for values of shape (n, F), labels 0 or 1 and weights of shape (n,).

    The same input gives the same trees. NaN is a value of its own. With labels of one kind alone
    there are no trees, only the base rate, moved by one case towards even odds.

    >>> rows = np.linspace(0, 1, 200, dtype=np.float32)[:, np.newaxis]
    >>> trees = fit(rows, (rows[:, 0] > 0.5).astype(np.uint8), np.ones(200))
    >>> (trees.log_odds(np.float32([[0.1], [0.9]])) > 0).tolist()
    [False, True]
    """
    features = values.shape[1]
    if labels.min() == labels.max():
        total = float(weights.sum())
        rate = (float(weights @ labels) + 0.5) / (total + 1)
        return without_splits(features, float(np.log(rate / (1 - rate))))
    return extract(grow(values, labels, weights), features)


def refit(learner: Refitted) -> None:
    """Run the fit that is due here and now, as replays do; live, a worker process runs `fit`."""
    if batch := learner.batch():
        learner.take(fit(batch.values, batch.labels, batch.weights), batch.learned)


def grow(
    values: NDArray[np.float32], labels: NDArray[np.uint8], weights: NDArray[np.float64]
) -> HistGradientBoostingClassifier:
    """scikit-learn's own, fitted. No early stopping: it would hold back rows by chance."""
    booster = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=ROUNDS,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=SEED,
    )
    with threadpool_limits(THREADS):
        return booster.fit(values, labels, sample_weight=weights)


def extract(booster: Any, features: int) -> Trees:
    """The fitted trees as ours; `booster` is a fitted binary HistGradientBoostingClassifier."""
    grown = [stage[0].nodes for stage in booster._predictors]
    base = float(np.ravel(booster._baseline_prediction)[0])
    return _assemble(grown, features, base)


def _assemble(grown: list[NDArray[Any]], features: int, base: float) -> Trees:
    """grown: per tree scikit-learn's nodes, a record each, parents first."""
    sizes = [len(nodes) for nodes in grown]
    starts = np.cumsum([0, *sizes[:-1]])
    nodes = np.concatenate(grown)
    itself = np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    offset = np.repeat(starts, sizes)
    left = np.where(leaf, itself, nodes["left"] + offset)
    right = np.where(leaf, itself, nodes["right"] + offset)
    return Trees(
        features,
        base,
        roots=starts.astype(np.int32),
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        value=_means(nodes["value"], nodes["count"], left, right, leaf),
        missing_left=nodes["missing_go_to_left"].astype(np.uint8),
    )


def _means(
    values: NDArray[np.float64],
    counts: NDArray[np.uint32],
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    leaf: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """What the leaves add; for other nodes their mean, by the rows that reached them."""
    means = np.where(leaf, values, 0.0)
    for node in np.flatnonzero(~leaf)[::-1]:  # children stand behind their parents
        one, other = left[node], right[node]
        total = counts[one] + counts[other]
        means[node] = (means[one] * counts[one] + means[other] * counts[other]) / total
    return means
