"""Faust's transport, made to deliver whole fetches: the start of the data path.

One message per partition and fetch, its value the raw records (streams/shard.py, Batch). Record by
record Faust costs 30 times the CPU, and it decodes, acks and commits in ways that lose events
(docs/internals.md); here it only fetches, and our own checkpoint keeps the position.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NoOffsetForPartitionError
from faust.events import Event
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from streams.logs import SERVICES
from streams.probe import OffsetProbe
from streams.shard import Batch

FETCH_WAIT_MS = 500
PAUSE_S = 0.02  # between two looks while there is nothing to fetch from
QUEUED_BATCHES = 8  # per agent; beyond that fetching waits


class Fetched(NamedTuple):
    """generation: of the group when it was fetched. batches: also where only the position moved,
    past commit markers.
    """

    generation: int
    batches: Mapping[TP, Batch]


class Wanted:
    """The partitions to fetch from, at each moment of a fetch: one that is under way while a
    rebalance pauses, seeks and resumes them would take what it has no right to, and it is lost.

    aiokafka takes an empty set for all partitions, so this is never false. live: Faust's own set.
    """

    def __init__(self, live: set[TP], app: Any) -> None:
        self._live = live
        self._app = app

    def __contains__(self, tp: TP) -> bool:
        if not self._app.rebalancing:
            return tp in self._live
        # Until "Worker ready" Faust resumes sources, then seeks, then clears queues: also that of
        # changelogs, while standbys are read already.
        is_early = tp.topic in self._app.batch_topics or tp in self._app.tables.recovery.standby_tps
        return tp in self._live and not is_early

    def __iter__(self) -> Iterator[TP]:
        return (tp for tp in tuple(self._live) if tp in self)

    def __bool__(self) -> bool:
        return True


class BatchThread(AIOKafkaConsumerThread):
    """The consumer's thread. It knows exactly what of the log was handed out: no gap is guessed."""

    logger = SERVICES

    def __post_init__(self) -> None:
        super().__post_init__()
        self.epochs: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}  # handed out up to here, since the last seek

    def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust offers the first only with its own exactly_once, and the second not at all.
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def _seek_wait(self, consumer: AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        topics = cast(BatchConsumer, self.consumer).app.batch_topics
        changelogs = [tp for tp in partitions if tp.topic not in topics]
        if changelogs:  # Faust seeks to one before the first record
            first = await consumer.beginning_offsets(changelogs)
            partitions = {tp: max(at, first.get(tp, 0)) for tp, at in partitions.items()}
        for tp, offset in partitions.items():
            self.epochs[tp] = self.epochs.get(tp, 0) + 1
            self._ends[tp] = offset
        await super()._seek_wait(consumer, partitions)  # it seeks before it waits

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: Any,  # Wanted
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's own signature
        max_records: int | None = None,
    ) -> Any:  # Fetched, which Faust hands on as it is
        try:
            records = await super()._fetch_records(
                consumer, active_partitions, timeout, max_records
            )
        except NoOffsetForPartitionError:  # assigned a moment ago, and nobody has sought it yet
            return Fetched(-1, {})
        # No await from taking the records to the end: generation, epochs, positions are theirs.
        generation = cast(Any, consumer._coordinator).generation
        assigned, batches = _assignment(consumer), {}
        for tp in [tp for tp in {*active_partitions, *records} if tp in self._ends]:
            state = assigned.state_value(tp) if assigned else None
            start, end = (
                self._ends[tp],
                state.position if state and state.has_valid_position else -1,
            )
            if end > start:
                self._ends[tp] = end
                taken = records.get(tp, [])
                batches[tp] = Batch(taken, start, end, generation, self.epochs[tp])
        return Fetched(generation, batches)


def _assignment(consumer: AIOKafkaConsumer) -> Any:
    subscription = consumer._subscription.subscription
    return subscription.assignment if subscription else None


class BatchConsumer(Consumer):
    """Hands batches to Faust's conductor, which hands them to the agents' queues."""

    logger = SERVICES
    app: Any  # PathlineApp, which knows its batch topics
    asked_at: float | None = None  # s, while the thread is asked for records
    _thread: BatchThread

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's own signature
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))  # until it is set, or we stop
        wanted = Wanted(self._get_active_partitions(), self.app)
        if not any(wanted):
            await asyncio.sleep(PAUSE_S)
            return
        self.asked_at = self.app.clock.steady_s()
        try:
            fetched = cast(Fetched, await self._getmany(cast(Any, wanted), timeout))
        finally:
            self.asked_at = None
        if self.should_stop or not self.flow_active:
            return  # what is dropped here, the position check finds
        for tp, batch in fetched.batches.items():
            if tp.topic in self.app.batch_topics or self._is_current(fetched):
                self._read_offset[tp] = None  # else Faust drops what it believes to have seen
                yield tp, self._batch_message(tp, batch)

    def _is_current(self, fetched: Fetched) -> bool:
        """Changelogs are sought anew after each rebalance; what came before is not for them."""
        return self.flow_active and self.app.consumer_generation_id == fetched.generation

    def _batch_message(self, tp: TP, batch: Batch) -> ConsumerMessage:
        value = cast(Any, batch)  # BatchTopic does not decode it
        return ConsumerMessage(
            tp.topic, tp.partition, batch.end - 1, 0.0, 0, None, None, value, None, 0, 0, TP(*tp),
            generation_id=batch.generation,
        )  # fmt: skip

    def group_error(self) -> Exception | None:
        """Why the group does not take us; Faust never asks, and would wait for ever."""
        coordinator = getattr(self._thread._consumer, "_coordinator", None)
        return getattr(coordinator, "_pending_exception", None)

    async def perform_seek(self) -> None:
        """Faust calls it once per rebalance: tables are recovered, nothing is delivered yet."""
        await self.app.open_shards()

    async def seek_batched(self, tp: TP, offset: int) -> int:
        """Deliver `tp` from `offset` on; the epoch of what is fetched from now on."""
        await self.seek_wait({tp: offset})
        return self._thread.epochs[tp]

    def stable_end(self, tp: TP) -> int | None:
        """One past the last committed record, as of the newest fetch."""
        assigned = _assignment(self._thread._ensure_consumer())
        state = assigned.state_value(tp) if assigned else None
        return state.lso if state else None


class BatchTransport(Transport):
    Consumer = BatchConsumer


class BatchTopic(faust.Topic):
    """A topic whose messages are batches: neither decoded nor acked nor committed by Faust."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Faust clones it with its own
        super().__init__(*args, **{**kwargs, "acks": False, "maxsize": QUEUED_BATCHES})

    def _compile_decode(self) -> None:
        async def decode(message: ConsumerMessage, *, propagate: bool = False) -> Event:
            return Event(self.app, None, message.value, None, message)

        self.decode = decode  # type: ignore[method-assign,assignment]  # as Faust itself does


class FaustSource:
    """The topic that an agent reads, as its runtime sees it (streams/ports.py, Source)."""

    def __init__(self, app: faust.App, topic: str, probe: OffsetProbe) -> None:
        self._app = app
        self._topic = topic
        self._probe = probe

    @property
    def _consumer(self) -> BatchConsumer:
        return cast(BatchConsumer, self._app.consumer)

    async def bounds(self, partition: int) -> tuple[int, int]:
        begins = await self._probe.begins(self._topic, [partition])
        ends = await self._probe.ends(self._topic, [partition])
        return begins[partition], ends[partition]

    def end(self, partition: int) -> int | None:
        return self._consumer.stable_end(TP(self._topic, partition))

    def waiting(self) -> int:
        channels = cast(Iterable[faust.Topic], self._app.topics)
        return sum(c.queue.qsize() for c in channels if self._topic in c.topics)

    async def seek(self, partition: int, offset: int) -> int:
        return await self._consumer.seek_batched(TP(self._topic, partition), offset)
