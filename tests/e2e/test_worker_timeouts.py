"""A timeout needs no further event: one act, then silence, and the breach is told in time."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import send, stored, with_rules, workers

GOAL_S = 4
REVISION: dict[str, Any] = {
    "id": "legal-reply",
    "kind": "sla",
    "start": {"type": "contract.revision_received"},
    "stop": {"type": "legal.replied"},
    "goal": {"within": f"{GOAL_S}s"},
}
LATE_S_MAX = 2.0


async def test_a_revision_then_nothing_at_all(settings: Settings, tmp_path: Path) -> None:
    settings = with_rules(settings, tmp_path / "rules", REVISION)
    settings = settings.model_copy(update={"lateness_s": 0.0})
    await create_topics(settings)
    topics = Topics(settings)
    with workers() as start:
        worker = start(settings, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        revised_at = datetime.now(UTC)
        await send(settings, topics.raw.name, [(b"acme", revision(revised_at))])
        breaches = topics.alerts("sla-breaches").name
        await asyncio.to_thread(
            worker.wait_until, lambda: worker.reading("pathline_alerts_total", state="firing"), 30
        )
        told = [record for found in (await stored(settings, breaches)).values() for record in found]
        assert await asyncio.to_thread(worker.stop) == 0
    (record,) = told
    alert = json.loads(record.value or b"")
    due = revised_at + timedelta(seconds=GOAL_S)
    assert datetime.fromisoformat(alert["due_at"]) == due.replace(
        microsecond=due.microsecond // 1000 * 1000
    )
    late_s = record.timestamp / 1000 - due.timestamp()
    assert 0 <= late_s < LATE_S_MAX


def revision(at: datetime) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "r-1",
        "source": "//crm/contracts",
        "type": "contract.revision_received",
        "time": at.isoformat(),
        "subject": "acme",
    }
    return json.dumps(event).encode()
