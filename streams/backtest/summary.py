"""summary.json: a run in numbers, for programs and for CI. After the engine."""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from streams.backtest.outcome import Judged
from streams.backtest.runner import Ran

SCHEMA = "pathline.backtest.v1"
MIB = 1 << 20


def summarize(ran: Ran, judged: Judged | None) -> dict[str, Any]:
    """What a run came to; changes only by addition."""
    request, found = ran.request, ran.found
    return {
        "schema": SCHEMA,
        "run": request.run_id,
        "complete": ran.complete,
        "rules_digest": request.book.digest,
        "input": {
            "from": [request.topic] if request.topic else [str(f) for f in request.files],
            **{name: ran.played.counts[name] for name in ("read", "bad", "left_out", "outside")},
            "bad_by_reason": dict(sorted(ran.bad.items())),
            "times_are_made_up": ran.has_made_times,
        },
        "events": found.events,
        "accounts": sum(lane.accounts for lane in found.lanes),
        "first": instant(found.first_ms),
        "last": instant(found.last_ms),
        "clock": instant(ran.end_ms),
        "alerts": count_alerts(ran.alerts),
        "scores": ran.scores_told,
        "tasks": dict(ran.played.tasks),
        "engine": dict(sorted(found.stats.items())),
        "outcome": tell_judged(ran, judged),
        "cost": {
            "processes": request.processes,
            "wall_s": round(ran.wall_s, 3),
            "engine_cpu_s": round(ran.cpu_s, 3),
            "engine_events_per_cpu_s": round(found.events / ran.cpu_s) if ran.cpu_s else None,
            "memory_peak_mib": peak_mib(),
        },
    }


def instant(ms: int | None) -> str | None:
    """RFC 3339 in UTC.

    >>> instant(1_772_442_000_000)
    '2026-03-02T09:00:00Z'
    """
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def count_alerts(alerts: pl.LazyFrame) -> dict[str, dict[str, int]]:
    """By rule and state."""
    counted = alerts.group_by("rule", "state").len().sort("rule", "state").collect()
    told: dict[str, dict[str, int]] = {}
    for rule, state, count in counted.iter_rows():
        told.setdefault(rule, {})[state] = count
    return told


def tell_judged(ran: Ran, judged: Judged | None) -> dict[str, Any] | None:
    """Precision, recall, lead; null without an outcome."""
    if judged is None:
        return None
    outcome = ran.request.outcome
    assert outcome is not None
    return {
        "is": str(outcome),
        "horizon_s": outcome.horizon_ms / 1000,
        "count": judged.outcomes,
        "rules": {row.pop("rule"): row for row in judged.rules.to_dicts()},
    }


def peak_mib() -> int:
    """Of this process and the largest one that it started."""
    unit = 1 if sys.platform == "darwin" else 1024
    used = [resource.getrusage(who).ru_maxrss for who in
            (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]  # fmt: skip
    return sum(used) * unit // MIB


def write_summary(summary: dict[str, Any], folder: Path) -> None:
    """Into the folder of the run."""
    text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    (folder / "summary.json").write_text(text, "utf-8")
