"""What the shell relies on inside faust-streaming 0.15.3; docs/internals.md says why, by test name.

A failure here means: read docs/internals.md before you change the version.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.structs import TopicPartition
from faust.app.base import App, BootStrategy
from faust.assignor.client_assignment import CopartitionedAssignment
from faust.assignor.copartitioned_assignor import CopartitionedAssignor
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.conductor import ConductorCompiler
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ConsumerRebalanceListener
from faust.types import TP

from streams.clock import SystemClock
from streams.faust_app import PathlineApp, make_app
from streams.job import LogRecord
from streams.metrics import Metrics
from streams.settings import Settings
from streams.shard import Batch
from streams.table import TableStore, make_table
from streams.transport import (
    BatchConsumer,
    BatchThread,
    BatchTopic,
    BatchTransport,
    Fetched,
    Wanted,
)

SETTINGS = Settings(app_id="contract", partitions=4)
SOURCE = TP("raw", 0)


@contextmanager
def making(settings: Settings) -> Iterator[PathlineApp]:
    """An app that is never started: nothing listens and nothing connects."""
    made = make_app(settings, settings.app_id)
    made.batch_topics = frozenset({"raw"})
    yield made
    if made._consumer is not None:
        made.consumer._thread.thread_loop.close()  # type: ignore[attr-defined]


@pytest.fixture
async def app() -> AsyncIterator[PathlineApp]:
    with making(SETTINGS) as made:
        yield made


def made_consumer(app: PathlineApp) -> Any:
    """The aiokafka consumer as the thread would start it."""
    thread: Any = app.consumer._thread  # type: ignore[attr-defined]
    consumer = thread._create_worker_consumer(app.transport)
    consumer._closed = True  # never opened
    return consumer


def in_order(function: Any, *needles: str) -> None:
    """The source of the function mentions these in this order."""
    places = [inspect.getsource(function).find(needle) for needle in needles]
    assert -1 not in places, (needles, places)
    assert places == sorted(places)


def test_versions_are_pinned() -> None:
    found = {name: version(name) for name in ("faust-streaming", "mode-streaming", "aiokafka")}
    assert found == {
        "faust-streaming": "0.15.3",
        "mode-streaming": "0.7.1",
        "aiokafka": "0.14.0",
    }


async def test_the_app_uses_our_transport_and_it_our_consumer(app: PathlineApp) -> None:
    assert isinstance(app.transport, BatchTransport)
    assert isinstance(app.consumer, BatchConsumer)
    assert isinstance(app.consumer._thread, BatchThread)


async def test_the_kafka_consumer_is_made_in_one_place_and_configured_there(
    app: PathlineApp,
) -> None:
    consumer = made_consumer(app)
    assert consumer._isolation_level == "read_committed"
    assert consumer._fetch_max_wait_ms == 500
    assert consumer._auto_offset_reset == "none"
    assert consumer._max_poll_records == 4_000


async def test_fetches_go_through_fetch_records_in_the_consumers_thread() -> None:
    names = list(inspect.signature(AIOKafkaConsumerThread._fetch_records).parameters)
    assert names == ["self", "consumer", "active_partitions", "timeout", "max_records"]
    in_order(AIOKafkaConsumerThread.getmany, "call_thread", "self._fetch_records")
    in_order(AIOKafkaConsumerThread._fetch_records, "flow_active", "fetched_records")


async def test_a_seek_is_done_before_it_first_waits(app: PathlineApp) -> None:
    thread: Any = app.consumer._thread  # type: ignore[attr-defined]
    done: list[str] = []

    class Seekable:
        def seek(self, tp: TP, offset: int) -> None:
            done.append(f"seek {offset}")

        async def position(self, tp: TP) -> int:
            done.append("wait")
            return 5

    await thread._seek_wait(Seekable(), {SOURCE: 5})
    assert done == ["seek 5", "wait"]
    assert (thread.epochs[SOURCE], thread._ends[SOURCE]) == (1, 5)


async def test_faust_seeks_a_changelog_to_one_before_its_first_record(app: PathlineApp) -> None:
    in_order(Recovery._build_offsets, "earliest_offsets", "offset - 1")
    thread: Any = app.consumer._thread  # type: ignore[attr-defined]
    sought: dict[TP, int] = {}

    class Compacted:
        async def beginning_offsets(self, places: list[TP]) -> dict[TP, int]:
            return dict.fromkeys(places, 50)

        def seek(self, tp: TP, offset: int) -> None:
            sought[tp] = offset

        async def position(self, tp: TP) -> int:
            return 50

    changelog = TP("contract-follow-changelog", 0)
    await thread._seek_wait(Compacted(), {changelog: 49})
    assert sought == {changelog: 50}, "49 is out of range, and with `none` that is an error"


async def test_messages_of_getmany_reach_the_callback_whatever_faust_believes_it_has_read(
    app: PathlineApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer: Any = app.consumer
    got: list[int] = []

    async def getmany(timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - Faust's
        for offset in (500, 100):  # we have sought back
            consumer._read_offset[SOURCE] = None
            yield SOURCE, type("Message", (), {"topic": "raw", "offset": offset})()
        consumer._stopped.set()

    async def callback(message: Any) -> None:
        got.append(message.offset)

    monkeypatch.setattr(consumer, "getmany", getmany)
    monkeypatch.setattr(consumer, "callback", callback)
    await asyncio.wait_for(consumer._drain_messages(consumer), 5)
    assert got == [500, 100]


async def test_the_live_set_of_active_partitions_is_what_is_fetched(app: PathlineApp) -> None:
    consumer: Any = app.consumer
    consumer._set_active_tps({SOURCE})
    assert consumer._get_active_partitions() is consumer._get_active_partitions()
    consumer.pause_partitions({SOURCE})
    assert consumer._get_active_partitions() == set()
    assert inspect.iscoroutinefunction(consumer.can_resume_flow.wait)


def test_perform_seek_comes_after_recovery_and_before_anything_is_delivered() -> None:
    in_order(
        Recovery.on_recovery_completed,
        "table.on_recovery_completed",
        "consumer.perform_seek()",
        "flow_control.resume()",
        "on_rebalance_end()",
    )
    in_order(App.on_rebalance_end, "self.rebalancing = False")
    in_order(ConsumerRebalanceListener.on_partitions_revoked, "on_rebalance_start()")
    in_order(App.on_rebalance_start, "self.rebalancing = True")


def test_tables_are_recovered_after_our_part_of_the_assignment() -> None:
    assert list(inspect.signature(App._on_partitions_assigned).parameters) == [
        "self",
        "assigned",
        "generation_id",
    ]
    in_order(App._on_partitions_assigned, "self.tables.on_rebalance")
    in_order(ConsumerRebalanceListener.on_partitions_assigned, "_coordinator.generation")


def test_the_signal_of_revocation_is_awaited_before_the_group_goes_on() -> None:
    in_order(App._on_partitions_revoked, "stop_flow", "await T(self.on_partitions_revoked.send)")
    in_order(Consumer.on_partitions_revoked, "await T(self._on_partitions_revoked")
    in_order(ConsumerThread.on_partitions_revoked, "await self.consumer.threadsafe")


def test_recovery_waits_for_the_record_before_the_end_so_a_fence_must_lie_there() -> None:
    in_order(Recovery._build_highwaters, "consumer.highwaters", "value - 1")


async def test_a_table_in_memory_is_two_dictionaries(app: PathlineApp) -> None:
    store = TableStore(make_table(app, "follow", "contract-follow-changelog", 4, Metrics()))
    table: Any = app.tables["follow"]
    store.write(2, [(b"a", b"1"), (b"b", b"2"), (b"b", None)], end=3)
    store.write(3, [(b"c", b"3")], end=1)
    data = table.data
    assert (data.data, data._key_partition) == ({b"a": b"1", b"c": b"3"}, {b"a": 2, b"c": 3})
    assert store.load(2) == {b"a": b"1"}
    await table.on_recovery_completed({TP("contract-follow-changelog", 2)}, set())
    assert store.load(3) == {}, "what is not ours any more is dropped"


async def test_recovery_hands_whole_batches_to_the_table(app: PathlineApp) -> None:
    store = TableStore(make_table(app, "follow", "contract-follow-changelog", 4, Metrics()))
    table: Any = app.tables["follow"]
    channel = table.changelog_topic.clone_using_queue(app.tables.changelog_queue)
    assert app.tables.changelog_topics == {"contract-follow-changelog"}
    records = [
        LogRecord(3, 0, b"a", b"1"),
        LogRecord(4, 0, b"b", b"2"),
        LogRecord(5, 0, b"b", None),
    ]
    message: Any = app.consumer._batch_message(  # type: ignore[attr-defined]
        TP("contract-follow-changelog", 2), Batch(records, 3, 6, 7, 0)
    )
    assert message.offset == 5, "recovery counts offsets up to the record before the end"
    table.apply_changelog_batch([await channel.decode(message, propagate=True)])
    assert store.load(2) == {b"a": b"1"}
    in_order(Recovery, "offsets[tp] = offset", "apply_changelog_batch(buf)")
    assert table.recovery_buffer_size != 1, "Faust would go on reading the changelog"


async def test_a_batch_topic_is_neither_decoded_nor_acked_and_its_clones_are_not_either(
    app: PathlineApp,
) -> None:
    topic = BatchTopic(app, topics=["raw"], key_type=bytes, value_type=bytes)
    for one in (topic, topic.clone(is_iterator=True)):
        assert (one.acks, one.queue.maxsize) == (False, 8)
        message = type("Message", (), {"value": object()})()
        event = await one.decode(message, propagate=True)
        assert event.value is message.value
    in_order(ConductorCompiler.build, "await chan.decode(message, propagate=True)")


async def test_the_conductor_lists_the_channels_that_hold_queues(app: PathlineApp) -> None:
    channel = BatchTopic(app, topics=["raw"], key_type=bytes, value_type=bytes).clone(
        is_iterator=True
    )
    app.topics.add(channel)
    assert [c.queue.qsize() for c in app.topics if "raw" in c.topics] == [0]


def test_the_table_manager_does_no_more_at_its_start_than_ours() -> None:
    body = [line.strip() for line in inspect.getsource(TableManager.on_start).splitlines()]
    assert body[2:] == [
        "await self.sleep(1.0)",
        "if not self.should_stop:",
        "await self._update_channels()",
        "await self.recovery.start()",
    ]


async def test_no_web_server_and_no_leader_topic(app: PathlineApp) -> None:
    assert app.conf.web_enabled is False
    assert BootStrategy(app)._should_enable_web() is False
    assert list(BootStrategy(app).web_server()) == []
    assert app.conf.topic_disable_leader is True


async def test_the_group_and_the_static_member_are_named_by_the_settings() -> None:
    with making(SETTINGS.model_copy(update={"instance_id": "one"})) as made:
        consumer = made_consumer(made)
        assert (consumer._group_id, consumer._group_instance_id) == ("contract", "one")


def test_positions_of_faust_and_aiokafka_are_the_same_keys() -> None:
    assert {TP("raw", 1): 1}[TopicPartition("raw", 1)] == 1  # type: ignore[index]


CHANGELOG = TP("contract-follow-changelog", 0)
STANDBY = TP("contract-follow-changelog", 1)


class CopiesOf41:
    """A store with copies up to offset 41."""

    def persisted_offset(self, tp: TP) -> int:
        return 41


async def test_a_table_keeps_the_store_that_it_was_given_and_asks_it_after_the_assignment(
    app: PathlineApp,
) -> None:
    table: Any = make_table(app, "follow", "contract-follow-changelog", 4, Metrics())
    table._data = CopiesOf41()
    assert table.data is table._data
    assert table.persisted_offset(CHANGELOG) == 41
    in_order(TableManager.on_rebalance, "table.on_rebalance", "self.recovery.on_rebalance")
    in_order(Collection.on_rebalance, "self.data.on_rebalance")


async def test_recovery_and_standby_read_on_from_what_the_store_has(app: PathlineApp) -> None:
    table: Any = make_table(app, "follow", "contract-follow-changelog", 4, Metrics())
    table._data = CopiesOf41()
    recovery = app.tables.recovery  # type: ignore[attr-defined]
    recovery.add_active(table, CHANGELOG)
    recovery.standby_offsets[STANDBY] = 17  # of an assignment before
    recovery.add_standby(table, STANDBY)
    sought: dict[TP, int] = {}

    class Compacted:
        async def earliest_offsets(self, *places: TP) -> dict[TP, int]:
            return dict.fromkeys(places, 5)

        async def seek_wait(self, places: dict[TP, int]) -> None:
            sought.update(places)

    consumer: Any = Compacted()
    for tp, offsets in ((CHANGELOG, recovery.active_offsets), (STANDBY, recovery.standby_offsets)):
        await recovery._build_offsets(consumer, {tp}, offsets, "some")
        await recovery._seek_offsets(consumer, {tp}, offsets, "some")
    assert sought == {CHANGELOG: 41, STANDBY: 41}


async def test_standbys_are_not_fetched_until_the_worker_is_ready(
    app: PathlineApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust resumes them before it clears the queue of changelogs: that would be a hole."""
    in_order(
        Recovery,
        "async def _restart_recovery",
        "(consumer.resume_partitions)(standby_tps)",
        "self.on_recovery_completed)(generation_id)",
    )
    in_order(TableManager.changelog_queue.fget, "clear_on_resume=True")
    consumer: Any = app.consumer
    asked: list[Wanted] = []

    async def getmany(wanted: Wanted, timeout: float) -> Fetched:  # noqa: ASYNC109 - Faust's
        asked.append(wanted)
        return Fetched(1, {})

    monkeypatch.setattr(consumer, "_getmany", getmany)
    monkeypatch.setattr(type(consumer), "flow_active", True)
    app.clock = SystemClock()
    consumer._set_active_tps({SOURCE, CHANGELOG, STANDBY})
    app.tables.recovery.standby_tps.add(STANDBY)  # type: ignore[attr-defined]
    assert [message async for message in consumer.getmany(1.0)] == []
    (wanted,) = asked
    for app.rebalancing, tps in ((True, {CHANGELOG}), (False, {SOURCE, CHANGELOG, STANDBY})):
        assert set(wanted) == tps, "also of a fetch that is under way"


async def test_a_fetch_under_way_takes_nothing_of_what_was_paused_meanwhile(
    app: PathlineApp,
) -> None:
    """Else it takes what comes after the seek, while nobody delivers: recovery waits for ever, or
    goes on without it.
    """
    in_order(Fetcher.fetched_records, "if partitions and tp not in partitions:", "continue")
    consumer: Any = app.consumer
    consumer._set_active_tps({SOURCE, CHANGELOG})
    wanted = Wanted(consumer._get_active_partitions(), app)
    assert SOURCE in wanted
    consumer.pause_partitions({SOURCE, CHANGELOG})
    assert wanted, "aiokafka takes what is false for all partitions"
    assert SOURCE not in wanted
    assert list(wanted) == []
    consumer.resume_partitions({CHANGELOG})
    assert list(wanted) == [CHANGELOG]


def test_recovery_logs_what_a_table_raises_and_hands_it_what_it_does_not_know() -> None:
    in_order(
        Recovery,
        "async def _slurp_changelogs",
        "recovery unknown topic",
        "table.apply_changelog_batch(buf)",
        "except Exception as ex:",
    )


def test_who_stands_by_takes_over() -> None:
    """Of three workers one has died; each of its partitions goes to the one that has its copy."""

    def held(actives: set[int], standbys: set[int]) -> CopartitionedAssignment:
        return CopartitionedAssignment(actives, standbys, {"raw"})

    left = {"two": held({2, 3}, {0, 4}), "three": held({4, 5}, {1, 3})}
    found = CopartitionedAssignor({"raw"}, left, num_partitions=6, replicas=1).get_assignment()
    assert {name: held.actives for name, held in found.items()} == {
        "two": {0, 2, 3},
        "three": {1, 4, 5},
    }
    assert {name: held.standbys for name, held in found.items()} == {
        "two": {1, 4, 5},
        "three": {0, 2, 3},
    }


async def test_the_number_of_standbys_reaches_the_assignor() -> None:
    disk = SETTINGS.model_copy(update={"store": "rocksdb", "standbys": 1})
    with making(disk) as made:
        assert made.assignor.replicas == 1  # type: ignore[attr-defined]
    with making(SETTINGS) as made:
        assert made.assignor.replicas == 0  # type: ignore[attr-defined]
