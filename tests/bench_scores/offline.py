"""Offline models on the same features, fitted once at the split with the labels known by then.

scikit-learn, each with one usual setting; the rows of a case share the weight of one case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.bench_scores.prepared import Prepared

SEED = 7
MODELS: dict[str, Callable[[], Any]] = {
    "LR": lambda: make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.05, solver="newton-cholesky"),
    ),
    "HGB": lambda: HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=SEED,
    ),
    "ExtraTrees": lambda: make_pipeline(
        SimpleImputer(keep_empty_features=True),
        ExtraTreesClassifier(150, min_samples_leaf=10, random_state=SEED),
    ),
}


def offline(log: Prepared, first: float, last: float) -> dict[str, NDArray[np.float64]]:
    """What each model says of the rows of a window; empty when only one label was known by then."""
    values = log.values
    known, asked = log.matured_before(first), log.window(first, last)
    labels = log.labels[log.case[known]]
    if len(np.unique(labels)) < 2:
        return {}
    weights = 1.0 / np.bincount(log.case[known])[log.case[known]]
    weights *= len(weights) / weights.sum()
    said = {}
    for name, make in MODELS.items():
        model = make()
        last_step = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
        model.fit(values[known], labels, **{f"{last_step}sample_weight": weights})
        said[name] = model.predict_proba(values[asked])[:, 1]
    return said
