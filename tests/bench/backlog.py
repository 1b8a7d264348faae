"""Parts `follow` and `path`: a worker drains the preloaded topic, and its alerts are read back."""

from __future__ import annotations

import json
from collections import Counter

from streams.reader import open_reader
from tests.bench.drain import measure
from tests.bench.stage import Site, Stage
from tests.bench.worker import Worker

FOLLOW = "follow"  # from the interactions
PATH = "ingest,follow"  # from the raw topic, in one worker


async def drained(stage: Stage, agents: str) -> Site:
    """The site for these agents, its preload drained and measured; once in a run."""
    site = await stage.site(agents)
    if site.drain is None:
        with Worker(site) as worker:
            site.drain = await measure(
                worker, stage.kafka, worker.committed, site.events, site.bytes
            )
        site.alerts = await _read_alerts(site)
    return site


async def _read_alerts(site: Site) -> Counter[str]:
    """All that is committed on the alert topics, by alert_id."""
    found: Counter[str] = Counter()
    async with open_reader(site.settings, *site.alert_topics) as reader:
        async for record in reader.to_end():
            found[json.loads(record.value or b"")["alert_id"]] += 1
    return found
