"""The embedded Kafka as a user meets it: start, stop, crash, start again; nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from models.errors import BadSetting, Unavailable
from streams.broker import EmbeddedKafka, Started, Stopped
from streams.connection import client_options, connect
from streams.kafka.admin import create_topics
from streams.kafka.port import answers, free_port
from streams.settings import Settings
from streams.topics import Topics
from tests.kafka_settings import settings_for

OwnKafka = Callable[..., EmbeddedKafka]


async def write(settings: Settings, *values: bytes) -> None:
    async with AIOKafkaProducer(**client_options(settings)) as producer:
        for value in values:
            await producer.send_and_wait(Topics(settings).raw.name, value)


async def read(settings: Settings, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        Topics(settings).raw.name,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **client_options(settings),
    )
    async with consumer:
        return sorted([(await consumer.getone()).value for _ in range(count)])


async def cluster_id(settings: Settings) -> str:
    async with connect(settings) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def test_records_and_cluster_id_stay_over_stop_crash_and_start(
    own_kafka: OwnKafka, tmp_path
) -> None:
    kafka = own_kafka("a path with spaces")
    assert kafka.start() == Started.STARTED
    settings = settings_for(kafka.bootstrap, tmp_path)
    await create_topics(settings)
    await write(settings, b"1")
    first_id = await cluster_id(settings)

    assert kafka.stop() == Stopped.STOPPED
    assert not answers(kafka.port)
    assert kafka.start() == Started.STARTED
    await write(settings, b"2")

    kafka.kill()
    assert kafka.start() == Started.AFTER_CRASH
    assert await read(settings, 2) == [b"1", b"2"]
    assert await cluster_id(settings) == first_id


async def test_what_a_transaction_aborts_no_committed_reader_sees(settings: Settings) -> None:
    await create_topics(settings)
    raw = Topics(settings).raw.name
    async with AIOKafkaProducer(
        transactional_id=settings.app_id, **client_options(settings)
    ) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(raw, b"aborted")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(raw, b"committed")
    assert await read(settings, 1) == [b"committed"]


def test_a_second_start_finds_the_first_and_any_of_them_may_stop_it(own_kafka: OwnKafka) -> None:
    first, second = own_kafka("same"), own_kafka("same")
    first.start()
    assert second.start() == Started.ALREADY_RUNNING
    assert (second.pid, second.port) == (first.pid, first.port)
    assert second.stop() == Stopped.STOPPED
    assert first.pid is None
    assert first.stop() == Stopped.NOT_RUNNING


def test_the_same_folder_on_another_port_is_refused(own_kafka: OwnKafka) -> None:
    running = own_kafka("same")
    running.start()
    other = own_kafka("same", port=free_port())
    with pytest.raises(BadSetting, match=f"already runs on port {running.port}"):
        other.start()
    assert answers(running.port)


def test_a_port_that_another_program_holds_is_told(own_kafka: OwnKafka) -> None:
    with socket.create_server(("127.0.0.1", 0)) as program:
        kafka = own_kafka(port=program.getsockname()[1])
        with pytest.raises(Unavailable, match=rf"port {kafka.port} .* taken by another program"):
            kafka.start()
    assert kafka.pid is None


def test_a_port_that_another_kafka_holds_is_told(own_kafka: OwnKafka, kafka: str) -> None:
    port = int(kafka.partition(":")[2])
    with pytest.raises(Unavailable, match="taken by another Kafka"):
        own_kafka(port=port).start()
    assert answers(port)


def test_a_kafka_that_ends_at_once_is_an_error_with_its_log(own_kafka: OwnKafka) -> None:
    kafka = own_kafka(log_dirs="/proc/nowhere")
    with pytest.raises(Unavailable, match=r"kafka\.log:\n(.|\n)*/proc/nowhere"):
        kafka.start()
    assert kafka.stop() == Stopped.NOT_RUNNING


def test_a_paused_kafka_does_not_answer_and_goes_on_afterwards(own_kafka: OwnKafka) -> None:
    kafka = own_kafka()
    kafka.start()
    pid = kafka.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        give_up = time.monotonic() + 20  # its threads stop one by one, some late on a busy machine
        while answers(kafka.port):
            assert time.monotonic() < give_up
    finally:
        os.kill(pid, signal.SIGCONT)
    assert kafka.start() == Started.ALREADY_RUNNING
