"""The composition root: the map of the data path, and the only place where it is wired.

    raw topic --BatchTransport--> ingest --one transaction--> interactions, dead letters
    interactions --BatchTransport--> follow --one transaction--> alerts, alert-state, changelog

Faust assigns partitions, recovers tables and runs agents; `runtime.py` does the rest. What of Faust
is overridden, and why, is in docs/internals.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, cast

import faust
from faust.tables import TableManager
from faust.types import TP

from streams.agents.follow import NAME as FOLLOW
from streams.agents.follow import FollowAgent
from streams.agents.ingest import NAME as INGEST
from streams.agents.ingest import IngestAgent
from streams.appender import KafkaAppender
from streams.checkpoint import Layout
from streams.clock import Clock
from streams.connection import faust_options
from streams.logs import SERVICES
from streams.metrics import Metrics
from streams.probe import OffsetProbe
from streams.runtime import Agent, Limits, Ports, Runtime
from streams.settings import Settings
from streams.shard import Batch, Pace
from streams.shelf import RuleShelf
from streams.table import TableStore
from streams.topics import Topics
from streams.transport import BatchConsumer, BatchTopic, BatchTransport, FaustSource
from streams.writer import KafkaWriter

AGENTS = (INGEST, FOLLOW)
BEAT_S = 0.02

Die = Callable[[int, str], NoReturn]


class PromptTables(TableManager):
    """Faust's, without the second that it sleeps before it starts; the conductor waits anyway."""

    logger = SERVICES

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class PathlineApp(faust.App):
    """Faust, with our transport and our checkpoints. runtimes: one per agent of this worker.

    beat_at: s, of the housekeeping; None before it began.
    """

    logger = SERVICES
    runtimes: Sequence[Runtime] = ()
    beat_at: float | None = None
    clock: Clock
    batch_topics: frozenset[str] = frozenset()
    appender: KafkaAppender
    probe: OffsetProbe
    die: Die

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_first_start(self) -> None:
        """Faust makes folders here; tables in memory need none."""

    async def on_start(self) -> None:
        await self.appender.start()
        await self.probe.start()
        await super().on_start()

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        if not self.should_stop:  # fenced first: only then nobody else can move the tables
            await self._each(lambda runtime: runtime.fence(
                sorted(tp.partition for tp in assigned if tp.topic == runtime.agent.source),
                generation_id,
            ))  # fmt: skip
        await super()._on_partitions_assigned(assigned, generation_id)

    async def open_shards(self) -> None:
        """Faust calls, through the transport: the tables are recovered."""
        await self._each(lambda runtime: runtime.open())

    async def close_shards(self) -> None:
        """Partitions are about to be revoked, or the worker stops."""
        await self._each(lambda runtime: runtime.close())

    async def on_stop(self) -> None:
        await self.close_shards()
        await super().on_stop()
        await self.appender.stop()
        await self.probe.stop()

    async def keep_house(self) -> None:
        """Checkpoints and ticks, when they are due."""
        while not self.should_stop:
            await asyncio.sleep(BEAT_S)
            self.beat_at = self.clock.steady_s()
            if not self.rebalancing:
                await self._each(lambda runtime: runtime.beat())

    @property
    def is_assigned(self) -> bool:
        """The group has settled and the tables are recovered."""
        return self.rebalancing_count > 0 and not self.rebalancing

    async def _each(self, work: Callable[[Runtime], Any]) -> None:
        try:
            await asyncio.gather(*(work(runtime) for runtime in self.runtimes))
        except Exception as error:  # Faust would log it and go on, or lose records
            self.die(70, f"{type(error).__name__}: {error}")


def compose(
    settings: Settings,
    agents: Iterable[str],
    shelf: RuleShelf,
    clock: Clock,
    metrics: Metrics,
    die: Die,
    writer: type[KafkaWriter] = KafkaWriter,
) -> PathlineApp:
    """The worker's app with these agents, not started. writer: another one, for fault tests."""
    topics = Topics(settings)
    app = PathlineApp(settings.app_id, **_faust_settings(settings))
    app.appender, app.probe = KafkaAppender(settings), OffsetProbe(settings)
    app.clock, app.die = clock, die
    makers: dict[str, Callable[[], Agent]] = {
        INGEST: lambda: IngestAgent(settings, topics),
        FOLLOW: lambda: FollowAgent(settings, topics, shelf),
    }
    limits = Pace(settings.checkpoint_s, settings.output_delay_s, settings.tick_every_s)

    def add(agent: Agent) -> Runtime:
        table = app.Table(
            agent.name, partitions=settings.partitions, key_type=bytes, value_type=bytes
        )
        layout = Layout(table.changelog_topic.get_topic_name(), settings.partitions)
        ports = Ports(
            source=FaustSource(lambda: cast(BatchConsumer, app.consumer), agent.source, app.probe),
            store=TableStore(table),
            writer=lambda partition: writer(settings, agent.name, agent.source, partition),
            appender=app.appender,
            clock=clock,
            metrics=metrics,
            die=die,
        )
        runtime = Runtime(
            agent,
            ports,
            Limits(
                limits, settings.uncommitted_records_max, int(settings.lateness_s * 1000), layout
            ),
        )
        app.agent(_topic(app, agent.source), name=agent.name)(_faust_agent(runtime, die))
        return runtime

    app.runtimes = [add(makers[name]()) for name in agents]
    app.batch_topics = frozenset(runtime.agent.source for runtime in app.runtimes)
    app.on_partitions_revoked.connect(cast(Any, _close_on_revoke))
    app.task(app.keep_house)
    return app


async def _close_on_revoke(app: Any, *args: Any, **kwargs: Any) -> None:
    await app.close_shards()


def _faust_agent(runtime: Runtime, die: Die) -> Callable[[Any], Any]:
    async def receive(stream: Any) -> None:
        async for event in stream.events():
            batch: Batch = event.value
            try:
                await runtime.receive(event.message.partition, batch)
            except Exception as error:  # an agent that raises loses its message: stop instead
                die(70, f"{runtime.agent.name}: {type(error).__name__}: {error}")

    return receive


def _topic(app: faust.App, name: str) -> BatchTopic:
    return BatchTopic(
        app, topics=[name], key_type=bytes, value_type=bytes,
        key_serializer="raw", value_serializer="raw",
    )  # fmt: skip


def _faust_settings(settings: Settings) -> dict[str, Any]:
    session_s = settings.session_timeout_s
    return {
        **faust_options(settings),
        "store": "memory://",
        "TableManager": PromptTables,
        "topic_partitions": settings.partitions,
        "topic_disable_leader": True,
        "web_enabled": False,
        "stream_wait_empty": False,  # it waits for acks, and there are none
        "stream_recovery_delay": 0.0,
        "consumer_auto_offset_reset": "none",  # a log without what we need is an error, no jump
        "consumer_group_instance_id": settings.instance_id,
        "producer_acks": -1,
        "broker_session_timeout": session_s,
        "broker_heartbeat_interval": session_s / 4,
        "broker_rebalance_timeout": session_s * 2,
    }
