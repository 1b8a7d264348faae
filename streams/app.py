"""The composition root: the map of the data path, and the only place where it is wired.

    raw topic --BatchTransport--> ingest --one transaction--> interactions, dead letters
    interactions --BatchTransport--> follow --one transaction--> alerts, alert-state, changelog,
                                                                 scores, examples
    examples --BatchTransport--> learn --one transaction--> models, interactions, changelog
    the watch over feeds and the ticks --plain records--> interactions

Follow one event: transport.py, agents/ingest.py, follow_job.py, rules/partition.py,
checkpoint.py. `runtime.py` drives each agent, `faust_app.py` drives the runtimes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from models.errors import BadRule, BadSetting, PathlineError
from rules.loader import RuleBook
from streams.agents.follow import NAME as FOLLOW
from streams.agents.follow import FollowAgent
from streams.agents.ingest import NAME as INGEST
from streams.agents.ingest import IngestAgent
from streams.appender import KafkaAppender
from streams.checkpoint import BROKEN, Layout
from streams.clock import Clock
from streams.faust_app import PathlineApp, make_app
from streams.feed_watch import FeedWatch
from streams.horizon import RawHorizon
from streams.keyring import Keyring, Signer
from streams.logs import tell_error
from streams.metrics import Metrics
from streams.ports import Die, Store
from streams.probe import OffsetProbe
from streams.runtime import REFUSED, Agent, Limits, Ports, Runtime
from streams.settings import Settings
from streams.shard import Pace
from streams.shelf import RuleShelf
from streams.table import TableStore, make_table
from streams.topics import Topics
from streams.transport import BatchTopic, FaustSource
from streams.writer import KafkaWriter

if TYPE_CHECKING:
    from streams.learned import Learned

log = logging.getLogger(__name__)

AGENTS = (INGEST, FOLLOW)
LEARN = "learn"  # with PATHLINE_SCORES
LEARN_STATE_S = 30.0  # between two states of the learners: they are large, and made anew quickly
PUBLISHED_EVERY_S = 15.0  # between two looks at what is published, for the feeds that it needs


class Composition:
    """One worker. keyring: of control records. book: of our folder, for the tasks of scoring.

    writer: another one, for fault tests. Raises BadRule, BadSetting.
    """

    def __init__(
        self,
        settings: Settings,
        shelf: RuleShelf,
        clock: Clock,
        metrics: Metrics,
        die: Die,
        keyring: Keyring | None = None,
        book: RuleBook | None = None,
        writer: type[KafkaWriter] = KafkaWriter,
    ) -> None:
        self.settings = settings
        self.shelf = shelf
        self.clock = clock
        self.metrics = metrics
        self.die = die
        self.writer = writer
        self.topics = Topics(settings)
        self.probe = OffsetProbe(settings)
        self.keyring = keyring
        self.appender = KafkaAppender(settings, Signer(keyring, clock) if keyring else None)
        raw = self.topics.raw.name
        self.horizon = RawHorizon(self.probe, raw, settings.partitions, clock)
        self.learned: Learned | None = None
        if settings.scores and book is not None:
            from streams.learned import Learned  # brings numpy and River, which few workers need

            self.learned = Learned(settings, self.topics, book, keyring, self.appender, clock)

    def compose(self, agents: Sequence[str]) -> PathlineApp:
        """The app with these agents, not started."""
        app = make_app(self.settings, group_of(self.settings, agents))
        app.clock, app.die = self.clock, self.die
        app.connections = (self.appender, self.probe)
        app.runtimes = [self._add(app, self._agent(name)) for name in agents]
        app.batch_topics = frozenset(runtime.agent.source for runtime in app.runtimes)
        app.on_partitions_revoked.connect(cast(Any, _close_on_revoke))
        app.task(app.keep_house)
        for runtime in app.runtimes:
            if runtime.agent.name == INGEST:
                watch = self._watch(runtime)
                app.task(watch.run)
                app.task(self._keep_feeds(watch, cast(IngestAgent, runtime.agent)))
        return app

    def _agent(self, name: str) -> Agent:
        settings, topics, learned = self.settings, self.topics, self.learned
        feeds = {name for name, _ in self.shelf.feeds}
        agents: dict[str, Callable[[], Agent]] = {
            INGEST: lambda: IngestAgent(settings, topics, feeds),
            FOLLOW: lambda: FollowAgent(
                settings, topics, self.shelf, self.keyring, learned.scorers() if learned else None
            ),
        }
        if learned:
            agents[LEARN] = learned.learn
        return agents[name]()

    def _add(self, app: PathlineApp, agent: Agent) -> Runtime:
        settings = self.settings
        changelog = f"{settings.app_id}-{agent.name}-changelog"
        layout = Layout(agent.name, changelog, settings.partitions)
        ports = Ports(
            source=FaustSource(app, agent.source, self.probe),
            store=self._store(app, agent.name, changelog),
            writer=lambda partition: self.writer(settings, agent.name, agent.source, partition),
            appender=self.appender,
            horizon=self.horizon,
            clock=self.clock,
            metrics=self.metrics,
            die=self.die,
        )
        is_ingest = agent.name == INGEST
        delay_s = settings.ingest_delay_s if is_ingest else settings.output_delay_s
        state_s = LEARN_STATE_S if agent.name == LEARN else settings.checkpoint_s
        pace = Pace(state_s, delay_s, settings.tick_every_s)
        lateness_ms = int(settings.lateness_s * 1000)
        limits = Limits(pace, settings.uncommitted_records_max, lateness_ms)
        runtime = Runtime(agent, layout, ports, limits)
        topic = BatchTopic(
            app, topics=[agent.source], key_type=bytes, value_type=bytes,
            key_serializer="raw", value_serializer="raw",
        )  # fmt: skip
        app.agent(topic, name=agent.name)(_deliver_to(runtime, self.die))
        return runtime

    def _store(self, app: PathlineApp, agent: str, changelog: str) -> Store:
        table = make_table(app, agent, changelog, self.settings.partitions, self.metrics)
        if self.settings.store == "memory":
            return TableStore(table)
        from streams.disk_store import DiskStore  # brings RocksDB, which few workers need

        store = DiskStore(table, self.settings.data_dir, self.probe, self.die)
        app.stores = [*app.stores, store]
        return store

    def _watch(self, ingest: Runtime) -> FeedWatch:
        return FeedWatch(
            self.shelf.feeds,
            self.topics.raw.name,
            self.topics.interactions.name,
            self.settings.partitions,
            self.probe,
            self.horizon,
            self.appender,
            is_ours=lambda: 0 in ingest.shards and ingest.shards[0].ready,
        )

    def _keep_feeds(self, watch: FeedWatch, ingest: IngestAgent) -> Callable[[], Any]:
        """A set that is published while we run may need other feeds."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(PUBLISHED_EVERY_S)
                try:
                    await self.shelf.refresh()
                    watch.watch(self.shelf.feeds)
                    ingest.watch({name for name, _ in self.shelf.feeds})
                except PathlineError as error:
                    log.warning("which feeds the published rule set needs is not known: %s", error)

        return keep


def group_of(settings: Settings, agents: Sequence[str]) -> str:
    """Members of one group must read the same topics: a static member that came back with others
    would be handed the partitions of before, and aiokafka would stand still.

    >>> group_of(Settings(app_id="crm"), ["ingest", "follow"]), group_of(Settings(), ["follow"])
    ('crm', 'pathline-follow')
    """
    if set(agents) == set(AGENTS):
        return settings.app_id
    return "-".join([settings.app_id, *sorted(agents)])


async def _close_on_revoke(app: Any, *args: Any, **kwargs: Any) -> None:
    await app.close_shards()


def _deliver_to(runtime: Runtime, die: Die) -> Callable[[Any], Any]:
    """The Faust agent: takes batches off its stream, one by one."""

    async def receive(stream: Any) -> None:
        async for event in stream.events():
            try:
                await runtime.receive(event.message.partition, event.value)
            except Exception as error:  # an agent that raises loses its message: stop instead
                code = REFUSED if isinstance(error, BadRule | BadSetting) else BROKEN
                die(code, f"{runtime.agent.name}: {tell_error(error)}")

    return receive
