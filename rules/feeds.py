"""The alert of a feed: a dead feed is not a silent customer, so it is told once, for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from models.alert import Alert, RuleRef, State
from models.identity import digest
from rules.context import Context, Output

VERSION = "1.0.0"


def feed_alert(context: Context, name: str, max_stale_ms: int, stale: bool) -> None:
    """Firing when the feed has gone stale, resolved when it is back; account `feed:NAME`."""
    fingerprint = digest("feed", name, max_stale_ms)
    state = State.FIRING if stale else State.RESOLVED
    limit = timedelta(milliseconds=max_stale_ms)
    alert = Alert(
        alert_id=digest(fingerprint, state, context.clock),
        fingerprint=fingerprint,
        key={"feed": name, "max_stale_ms": max_stale_ms},
        state=state,
        step="stale" if stale else "alive",
        kind="feed",
        severity="error",
        account=f"feed:{name}",
        rule=RuleRef(id=f"feed.{name}", version=VERSION, digest=context.digest),
        occurred_at=datetime.fromtimestamp(context.clock / 1000, UTC),
        why=f"The feed {name} has been silent for {limit} or more; rules that need it hold.",
    )
    context.out.append(Output("signals", alert))
