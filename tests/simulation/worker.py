"""A worker process of the simulation: the real runtimes of both agents, on simulated ports.

Stands for streams/app.py and Faust's part: joins the group, fences, recovers, opens, delivers,
beats, closes. What ends a real worker (an exception that reaches Faust) ends this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from streams.agents.follow import FollowAgent
from streams.agents.ingest import IngestAgent
from streams.checkpoint import BROKEN, Layout
from streams.feed_watch import FeedWatch
from streams.horizon import RawHorizon
from streams.metrics import Metrics
from streams.runtime import Agent, Limits, Ports, Runtime
from streams.shard import Pace
from streams.shelf import RuleShelf
from tests.simulation.broker import Place
from tests.simulation.consumer import Consumer
from tests.simulation.group import Seat
from tests.simulation.ports import ProcessClock, SimAppender, SimOffsets, SimStore
from tests.simulation.process import Process
from tests.simulation.site import Site

BEAT_S = (0.02, 0.1, 0.3)
FETCH_S = (0.005, 0.05, 0.2)
HEARTBEAT_S = 0.5
LOOK_S = 0.1


class Worker:
    """One life of a worker. stopping: it was asked to end in good order."""

    def __init__(self, site: Site, process: Process, shelf: RuleShelf) -> None:
        self.process = process
        self.stopping = False
        self._site = site
        self._generation = -1
        self._is_seated = False
        self._rebalancing = True
        self._stores: list[SimStore] = []
        self.consumers: list[Consumer] = []
        self._clock = ProcessClock(site.loop, process)
        self._appender = SimAppender(site.network, site.broker)
        offsets = SimOffsets(site.network, site.broker)
        raw, settings = site.topics.raw.name, site.settings
        self._horizon = RawHorizon(offsets, raw, settings.partitions, self._clock)
        self._metrics = Metrics()
        feeds = {name for name, _ in shelf.own.feeds}
        ingest = self._runtime(IngestAgent(settings, site.topics, feeds))
        self.runtimes = [ingest, self._runtime(FollowAgent(settings, site.topics, shelf))]
        self._watch = FeedWatch(
            shelf.own.feeds,
            raw,
            site.topics.interactions.name,
            settings.partitions,
            offsets,
            self._horizon,
            self._appender,
            is_ours=lambda: 0 in ingest.shards and ingest.shards[0].ready,
        )

    def _runtime(self, agent: Agent) -> Runtime:
        site, settings = self._site, self._site.settings
        changelog = f"{settings.app_id}-{agent.name}-changelog"
        consumer = Consumer(site.loop, site.chance, site.network, site.broker, agent.source)
        store = SimStore(site.network, site.broker, changelog)
        self.consumers.append(consumer)
        self._stores.append(store)
        ports = Ports(
            source=consumer,
            store=store,
            writer=lambda p: site.plant.writer(
                self.process, site.network, site.broker, agent.name, (agent.source, p)
            ),
            appender=self._appender,
            horizon=self._horizon,
            clock=self._clock,
            metrics=self._metrics,
            die=self.process.die,
        )
        is_ingest = agent.name == IngestAgent.name
        delay_s = settings.ingest_delay_s if is_ingest else settings.output_delay_s
        pace = Pace(settings.checkpoint_s, delay_s, settings.tick_every_s)
        lateness_ms = int(settings.lateness_s * 1000)
        limits = Limits(pace, settings.uncommitted_records_max, lateness_ms)
        layout = Layout(agent.name, changelog, settings.partitions)
        return Runtime(agent, layout, ports, limits)

    def start(self) -> None:
        for work in (self._belong, self._heartbeat, self._fetch, self._keep_house, self._watch.run):
            self._spawn(work)
        for runtime, consumer in zip(self.runtimes, self.consumers, strict=True):
            self._spawn(self._feed, runtime, consumer)

    def _spawn(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        self._site.loop.spawn(self.process, self._or_die(work, *args))

    async def _or_die(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        try:
            await work(*args)
        except Exception as error:
            self._site.excuse(error)
            self.process.die(BROKEN, f"{type(error).__name__}: {error}")

    async def _belong(self) -> None:
        """Seat after seat, as Faust goes from rebalance to rebalance."""
        name, site = self.process.name, self._site
        while not self.stopping:
            waits: asyncio.Future[Seat] = site.loop.create_future()
            await site.network.ask(site.group.join, name, waits)
            generation, places = await waits
            self._generation, self._is_seated = generation, True
            await asyncio.gather(*self._fence(generation, places))
            self._spawn(self._recover, generation)
            while self._is_seated and not self.stopping:  # noqa: ASYNC110 - as Faust looks at it
                await asyncio.sleep(LOOK_S)
            self._rebalancing = True
            await asyncio.gather(*(runtime.close() for runtime in self.runtimes))
        await site.network.ask(site.group.leave, name)
        self.process.kill(0, "stopped")

    async def _heartbeat(self) -> None:
        """Also while the last checkpoints are written."""
        site = self._site
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            generation = self._generation
            if not await site.network.ask(site.group.beat, self.process.name, generation):
                self._is_seated &= generation != self._generation

    def _fence(self, generation: int, places: list[Place]) -> Iterator[Coroutine[Any, Any, None]]:
        for runtime, consumer in zip(self.runtimes, self.consumers, strict=True):
            ours = sorted(p for topic, p in places if topic == runtime.agent.source)
            consumer.assign(generation, ours)
            yield runtime.fence(ours, generation)

    async def _recover(self, generation: int) -> None:
        """Tables first, then the shards; unless the next rebalance has begun meanwhile."""
        for runtime, store in zip(self.runtimes, self._stores, strict=True):
            for partition in list(runtime.shards):
                await store.recover(partition)
                if generation != self._generation:
                    return
            await runtime.open()
        if generation == self._generation and self._is_seated:
            self._rebalancing = False

    async def _fetch(self) -> None:
        while True:
            await asyncio.sleep(self._site.chance.choice(FETCH_S))
            if not self._rebalancing:
                for consumer in self.consumers:
                    consumer.fetch()

    async def _feed(self, runtime: Runtime, consumer: Consumer) -> None:
        """The agent: one delivery after the other."""
        while True:
            partition, batch = await consumer.queue.get()
            await runtime.receive(partition, batch)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(self._site.chance.choice(BEAT_S))
            if not self._rebalancing:
                await asyncio.gather(*(runtime.beat() for runtime in self.runtimes))
