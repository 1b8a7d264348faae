"""What Pathline is compared with: a Faust agent as a newcomer would write it from Faust's guide.

JSON records, one table write per event, `send` for each alert, the defaults of Faust. It watches
three patterns in the simplest way and keeps the account's behaviour sequence, as Pathline does; no
business time, no late events, no exactly-once, and a silent account is noticed only when it speaks
again. BENCH_SEQUENCE=0 leaves the sequence out: the least that such an agent can do.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import faust

APP = os.environ.get("BENCH_APP", "bench-plain")
PARTITIONS = 4
SEQUENCE_LENGTH = int(os.environ.get("BENCH_SEQUENCE", "32"))


class Interaction(faust.Record, serializer="json", isodates=True):
    id: str
    type: str
    time: datetime
    subject: str
    data: dict[str, Any]


class Step(faust.Record, serializer="json", isodates=True):
    type: str
    time: datetime


class Journey(faust.Record, serializer="json", isodates=True):
    compared_at: datetime | None = None
    revised_at: datetime | None = None
    trial_at: datetime | None = None
    sequence: list[Step] = []  # noqa: RUF012 - a field; Faust copies its default
    events: int = 0


class Alert(faust.Record, serializer="json", isodates=True):
    rule: str
    account: str
    at: datetime
    event: str


app = faust.App(
    APP,
    broker=f"kafka://{os.environ.get('BENCH_BROKER', '127.0.0.1:9092')}",
    datadir=os.environ.get("BENCH_FOLDER"),
    topic_partitions=PARTITIONS,
)
interactions = app.topic(
    os.environ.get("BENCH_TOPIC", f"{APP}.events"), key_type=bytes, value_type=Interaction
)
alerts = app.topic(f"{APP}.alerts", key_type=bytes, value_type=Alert, partitions=PARTITIONS)
journeys = app.Table("journeys", default=Journey, partitions=PARTITIONS)


@app.agent(interactions)
async def follow(events: faust.StreamT[Interaction]) -> None:
    """Reads an event, looks the account up, changes it, writes it back."""
    async for event in events:
        journey = journeys[event.subject]
        journey.events += 1
        steps = [*journey.sequence, Step(type=event.type, time=event.time)]
        journey.sequence = steps[max(0, len(steps) - SEQUENCE_LENGTH) :]
        rule = advance(journey, event)
        journeys[event.subject] = journey
        if rule:
            alert = Alert(rule=rule, account=event.subject, at=event.time, event=event.id)
            await alerts.send(key=event.subject.encode(), value=alert)


def advance(journey: Journey, event: Interaction) -> str | None:
    """The rule that the event makes fire, if any."""
    time = event.time
    match event.type:
        case "competitor.compared" if event.data["dwell_s"] > 180:
            journey.compared_at = time
        case "paper.downloaded" if journey.compared_at:
            since, journey.compared_at = time - journey.compared_at, None
            return "compare-then-paper" if since < timedelta(minutes=10) else None
        case "contract.revised":
            journey.revised_at = journey.revised_at or time
        case "legal.replied" if journey.revised_at:
            since, journey.revised_at = time - journey.revised_at, None
            return "legal-reply-late" if since >= timedelta(hours=2) else None
        case "trial.started":
            journey.trial_at = time
        case "feature.used":
            journey.trial_at = None
        case _ if journey.trial_at and time - journey.trial_at >= timedelta(days=11):
            journey.trial_at = None
            return "trial-silent"
    return None


if __name__ == "__main__":
    app.main()
