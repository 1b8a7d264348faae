"""The stage of a run: an embedded Kafka of its own, and the topics that the parts share.

Everything lies under one folder and listens on free ports of loopback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.broker import EmbeddedKafka
from streams.kafka.admin import create_topics
from streams.kafka.port import free_port
from streams.settings import Settings
from streams.topics import Topics
from tests.bench.drain import Drain
from tests.bench.feeder import open_feeder
from tests.bench.rules import RULES, write_rules
from tests.bench.traffic import SPAN_MS, traffic
from tests.kafka_settings import settings_for

DAY_S = 86_400


@dataclass(frozen=True)
class Plan:
    """events, accounts: of the preloaded topics. plain_events: for the plain Faust agent.

    begin_ms: ms since 1970; the 60 days of preloaded events end there, so that no deadline is long
    overdue by the wall clock when a worker has caught up. steady_s: measured time at each rate.
    """

    events: int
    accounts: int
    plain_events: int
    begin_ms: int
    steady_s: int
    rates: tuple[int, ...] = (500, 5_000)

    def preload(self) -> Iterator[tuple[bytes, bytes]]:
        """The same events each time."""
        return traffic(self.events, self.accounts, start_ms=self.begin_ms - SPAN_MS)

    def onward(self, events: int, after: int) -> Iterator[tuple[bytes, bytes]]:
        """Events that follow the preload and `after` others, as dense in event time as before.

        So they run ahead of the wall clock, and each account stays as busy as a customer is: state
        has the size that it has in the preload, and no tick comes in between.
        """
        step_ms = SPAN_MS // self.events
        return traffic(
            events,
            self.accounts,
            seed=1_000_000 + after,
            start_ms=self.begin_ms + after * step_ms,
            span_ms=events * step_ms,
        )


class Site:
    """A Pathline installation: settings, topics, and what was put in.

    agents: that its worker runs. events, bytes: of the preload. onward: events sent after it.
    drain, alerts (by alert_id): of the preload, once a worker has drained it.
    """

    def __init__(self, settings: Settings, agents: str) -> None:
        self.settings = settings
        self.agents = agents
        self.topics = Topics(settings)
        whole = "ingest" in agents
        self.source = (self.topics.raw if whole else self.topics.interactions).name
        self.events = 0
        self.bytes = 0
        self.onward = 0
        self.drain: Drain | None = None
        self.alerts: Counter[str] = Counter()

    @property
    def alert_topics(self) -> tuple[str, ...]:
        """Names of the topics that services subscribe to."""
        topics = self.topics
        return topics.sla_breaches.name, topics.journey_breaks.name, topics.signals.name


class Stage:
    """The Kafka of a run, started when it is entered; `sites` by name, made when first asked."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.kafka = EmbeddedKafka(folder / "kafka", 0, Settings().cache_dir.expanduser() / "jars")
        self.rules = write_rules(folder / "rules", RULES)
        self._sites: dict[str, Site] = {}

    async def site(self, agents: str) -> Site:
        """An installation for these agents, its source topic preloaded."""
        if agents not in self._sites:
            self._sites[agents] = await self._build(agents)
        return self._sites[agents]

    async def _build(self, agents: str) -> Site:
        name = f"bench-{agents.replace(',', '-')}"
        settings = settings_for(
            self.kafka.bootstrap,
            self.folder / name,
            app_id=name,
            instance_id=f"{name}-1",
            topic_prefix=f"{name}.",
            raw_topic=f"raw.{name}.v1",
            metrics_port=free_port(),
            rules=self.rules,
            future_skew_s=60 * DAY_S,  # steady traffic runs ahead of the wall clock
        )
        site = Site(settings, agents)
        await create_topics(settings)
        async with open_feeder(settings, site.source) as feeder:
            await feeder.load(self.plan.preload())
            site.bytes = feeder.bytes
        site.events = self.plan.events
        return site
