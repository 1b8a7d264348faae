"""What the shell relies on inside faust-streaming 0.15.3; docs/internals.md says why, by test name.

A failure here means: read docs/internals.md before you change the version.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from faust.app.base import App, BootStrategy
from faust.tables.recovery import Recovery
from faust.transport.conductor import ConductorCompiler
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ConsumerRebalanceListener
from faust.types import TP

from streams.faust_app import PathlineApp
from streams.transport import BatchConsumer, BatchThread, BatchTopic, BatchTransport
from tests.contract.unstarted import SETTINGS, SOURCE, in_order, making


def made_consumer(app: PathlineApp) -> Any:
    """The aiokafka consumer as the thread would start it."""
    thread: Any = app.consumer._thread  # type: ignore[attr-defined]
    consumer = thread._create_worker_consumer(app.transport)
    consumer._closed = True  # never opened
    return consumer


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
