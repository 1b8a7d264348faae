"""Scores on two real logs: learned in one pass, beside offline models of the same run.

    make bench-scores DATA=DIR     tables, and build/bench-scores.json

What the figures are, and what was tried to get there: docs/scores.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from models.learners.figures import auc_by_length
from models.learners.logistic import Logistic
from models.learners.mixture import Mixture
from tests.bench_scores.logs import LOGS, Log
from tests.bench_scores.offline import offline
from tests.bench_scores.passes import Pass, naive, online
from tests.bench_scores.prepared import Prepared
from tests.bench_scores.report import print_report

WINDOWS = {"last20": (0.8, 1.0), "previous20": (0.6, 0.8)}
VARIANTS = {"tried on the windows before the last": 76, "seen on the last": 4}

Floats = NDArray[np.float64]
Found = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-scores", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="of the logs")
    parser.add_argument("--out", type=Path, default=Path("build/bench-scores.json"))
    options = parser.parse_args()
    console = Console(width=120)
    found: Found = {"variants": VARIANTS, "auc": {}, "offline": {}, "logs": {}, "cost": {}}
    for read in LOGS:
        try:
            log = read(options.data)
        except OSError as error:
            sys.exit(f"{error}: name the folder of the logs, make bench-scores DATA=DIR")
        _bench(log, found, console)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print_report(found, console)
    console.print(f"\nwritten to {options.out}")


def _bench(read: Log, found: Found, console: Console) -> None:
    log = Prepared(read)
    cases, rows = len(log.starts), len(log.rows)
    console.print(f"{log.name}: {cases} cases, {rows} scored events", style="dim")
    passes = {
        "online": online(log, Logistic(log.schema)),
        "challenger": online(log, Mixture(log.schema)),
        "naive": naive(log),
    }
    found["cost"][log.name] = _costs(log, passes)
    found["logs"][log.name] = {"cases": cases, "rows": rows}
    for window, (first, last) in WINDOWS.items():
        at = log.window(first, last)
        said = {name: run.said[at] for name, run in passes.items()}
        models = offline(log, first, last)
        parts = {log.name: np.ones(int(at.sum()), bool)}
        if read.settled:
            parts[f"{log.name}_before_resolved"] = log.open[at]
        for part, rows_of in parts.items():
            judged = _areas(log, at, rows_of, said | models)
            alone = {name: judged.pop(name) for name in models}
            best = max((area for area in alone.values() if area is not None), default=None)
            judged["offline_best"] = best
            found["auc"].setdefault(part, {})[window] = judged
            found["offline"].setdefault(part, {})[window] = alone


def _areas(
    log: Prepared, window: NDArray[np.bool_], part: NDArray[np.bool_], said: dict[str, Floats]
) -> dict[str, float | None]:
    """Of each model, over the part of a window."""
    labels = log.labels[log.case[window]][part]
    lengths = log.length[window][part]
    return {name: auc_by_length(labels, values[part], lengths) for name, values in said.items()}


def _costs(log: Prepared, passes: dict[str, Pass]) -> Found:
    learners = {
        name: {
            "score_us": run.score_us,
            "learn_us": run.learn_us,
            "fit_s": run.fit_s,
            "memory_mb": run.memory / 1e6,
        }
        for name, run in passes.items()
    }
    return {"feature_us": log.feature_us, "encode_us": log.encode_us, "learners": learners}


if __name__ == "__main__":
    main()
