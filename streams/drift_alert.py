"""The alert that what a model learned from has changed; beside `learn`, like that of feeds.

It has no account of a customer: `model:TASK` stands in its place. It has no end either: what has
drifted is learned, and drifts again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from models.alert import Alert, RuleRef, State, encode_alert
from models.identity import digest
from models.learners.drift import Drift
from streams.announce import CONTENT_TYPE
from streams.job import Out
from streams.topics import Topics

VERSION = "1.0.0"


def drift_alert(topics: Topics, task: str, title: str, drift: Drift) -> list[Out]:
    """On the signals and among the latest states. The same cause gives the same `alert_id`."""
    fingerprint = digest("drift", task, drift.of, drift.detector, drift.cases)
    at = datetime.fromtimestamp(drift.at / 1000, UTC)
    what = "The error of the scores" if drift.of == "error" else f"The feature {drift.of!r}"
    alert = Alert(
        alert_id=digest(fingerprint, State.FIRING),
        fingerprint=fingerprint,
        key={"task": task, "of": drift.of, "detector": drift.detector},
        state=State.FIRING,
        step="drift",
        kind="drift",
        severity="warning",
        account=f"model:{task}",
        rule=RuleRef(id=f"drift.{task}", version=VERSION, digest=""),
        occurred_at=at,
        why=f"{what} has drifted ({drift.detector}, after {drift.cases} cases): {title}.",
        emitted_at=at,
    )
    headers = [("alert_id", alert.alert_id.encode()), CONTENT_TYPE]
    value = encode_alert(alert)
    return [
        Out(topics.signals.name, alert.account.encode(), value, headers),
        Out(topics.alert_state.name, fingerprint.encode(), value, headers),
    ]
