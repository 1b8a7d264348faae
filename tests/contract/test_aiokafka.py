"""What the shell relies on inside aiokafka 0.14.0."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiokafka.conn import OAuthAuthenticator
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import READ_COMMITTED, Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, SubscriptionState
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.record.control_record import ControlRecord
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from aiokafka.util import commit_structure_validate
from hypothesis import given
from hypothesis import strategies as st

from streams.checkpoint import partition_of
from streams.connection import TokenFile
from streams.kafka.topic_id import TopicIdRequest, TopicIdResponse_v10
from streams.settings import Settings

PLACE = TopicPartition("log", 0)


def batch(first: int, *values: bytes, producer: int = 1, transactional: bool = True) -> bytes:
    """A record batch as it lies in the log, its first record at offset `first`."""
    builder = DefaultRecordBatchBuilder(2, 0, int(transactional), producer, 0, 0, 1 << 20)
    for n, value in enumerate(values):
        builder.append(n, 1_000, b"k", value, [])
    whole = bytearray(builder.build())
    whole[0:8] = first.to_bytes(8, "big")
    return bytes(whole)


def marker(at: int, *, commit: bool, producer: int = 1) -> bytes:
    """The control batch that ends a transaction (KIP-98)."""
    key = b"\x00\x00" + (b"\x00\x01" if commit else b"\x00\x00")
    assert ControlRecord.parse(key) is not None
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, 0, 1 << 20)
    builder.append(0, 1_000, key, b"\x00" * 6, [])
    whole = bytearray(builder.build())
    whole[0:8] = at.to_bytes(8, "big")
    whole[22] |= 0x20  # the bit of a control batch; CRCs are not checked here
    return bytes(whole)


async def fetched(log: bytes, at: int = 0, aborted: Any = ()) -> tuple[list[int], int]:
    """Offsets of what a read_committed consumer gets of this response, and its position then."""
    assignment = Assignment([PLACE])
    state = assignment.state_value(PLACE)
    state.seek(at)
    records = PartitionRecords(
        PLACE, MemoryRecords(log), list(aborted), at, None, None, False, READ_COMMITTED
    )
    result = FetchResult(PLACE, assignment=assignment, partition_records=records, backoff=0)
    return [record.offset for record in result.getall()], state.position


async def test_the_position_moves_past_a_commit_marker() -> None:
    log = batch(0, b"a", b"b") + marker(2, commit=True) + batch(3, b"c") + marker(4, commit=True)
    assert await fetched(log) == ([0, 1, 3], 5)


async def test_the_position_moves_past_a_marker_that_comes_alone() -> None:
    assert await fetched(marker(2, commit=True), at=2) == ([], 3)


async def test_the_position_moves_past_what_was_aborted() -> None:
    log = batch(0, b"a", b"b") + marker(2, commit=False) + batch(3, b"c", producer=2)
    assert await fetched(log, aborted=[(1, 0)]) == ([3], 4)


async def test_part_of_a_fetch_moves_the_position_as_far_as_it_goes() -> None:
    assignment = Assignment([PLACE])
    state = assignment.state_value(PLACE)
    state.seek(0)
    log = MemoryRecords(batch(0, b"a", b"b", b"c"))
    records = PartitionRecords(PLACE, log, [], 0, None, None, False, READ_COMMITTED)
    result = FetchResult(PLACE, assignment=assignment, partition_records=records, backoff=0)
    assert ([r.offset for r in result.getall(2)], state.position) == ([0, 1], 2)
    assert ([r.offset for r in result.getall(2)], state.position) == ([2], 3)


async def test_what_was_fetched_before_a_seek_is_thrown_away() -> None:
    assignment = Assignment([PLACE])
    assignment.state_value(PLACE).seek(0)
    log = MemoryRecords(batch(0, b"a"))
    records = PartitionRecords(PLACE, log, [], 0, None, None, False, READ_COMMITTED)
    result = FetchResult(PLACE, assignment=assignment, partition_records=records, backoff=0)
    assignment.state_value(PLACE).seek(7)
    assert result.getall() == []
    assert assignment.state_value(PLACE).position == 7


async def test_a_state_says_where_it_stands_and_where_the_stable_log_ends() -> None:
    state = Assignment([PLACE]).state_value(PLACE)
    assert (state.has_valid_position, state.lso) == (False, None)
    state.seek(3)
    assert (state.has_valid_position, state.position) == (True, 3)


def test_nothing_is_awaited_between_taking_records_and_handing_them_over() -> None:
    source = inspect.getsource(Fetcher.fetched_records)
    taken = source.index("if drained or not timeout:\n                return drained")
    assert "await" not in source[source.index("drained = {}") : taken]


def test_an_offset_out_of_range_is_an_error_when_no_reset_is_wanted() -> None:
    source = inspect.getsource(Fetcher._proc_fetch_request)
    assert "OffsetResetStrategy.NONE" in source
    assert "Errors.OffsetOutOfRangeError({tp: fetch_offset})" in source


def test_the_consumer_reads_its_settings_when_it_starts() -> None:
    source = inspect.getsource(AIOKafkaConsumer.start)
    for name in ("_isolation_level", "_fetch_max_wait_ms", "_auto_offset_reset"):
        assert f"self.{name}" in source


@given(key=st.binary(max_size=40), partitions=st.integers(1, 64))
def test_we_put_keys_where_kafkas_clients_put_them(key: bytes, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)


def test_a_batch_takes_its_first_record_whatever_its_size_and_then_says_when_it_is_full() -> None:
    builder = BatchBuilder(1_000, 0, is_transactional=1)
    assert builder.append(timestamp=None, key=b"k", value=b"x" * 5_000, headers=[])
    assert builder.append(timestamp=None, key=b"k", value=b"x", headers=[]) is None


def test_the_groups_offset_may_carry_a_note() -> None:
    at = {PLACE: OffsetAndMetadata(7, "note")}
    assert commit_structure_validate(at) == at


def test_whole_batches_go_into_a_transaction_one_at_a_time() -> None:
    assert list(inspect.signature(AIOKafkaProducer.send_batch).parameters) == [
        "self",
        "batch",
        "topic",
        "partition",
    ]
    assert "is_in_transaction" in inspect.getsource(AIOKafkaProducer.send_batch)
    assert "wait_for_transaction_end" in inspect.getsource(AIOKafkaProducer.commit_transaction)


async def test_a_batch_says_where_its_first_record_lies_and_how_many_it_has() -> None:
    builder = BatchBuilder(1_000_000, 0, is_transactional=1)
    for value in (b"1", b"2", b"3"):
        assert builder.append(timestamp=None, key=b"k", value=value, headers=[])
    assert builder.record_count() == 3
    sent = MessageBatch(PLACE, builder, 10, 0)
    sent.done(base_offset=41)
    assert (await sent.future).offset == 41


def test_the_id_of_a_topic_comes_with_version_10_of_the_metadata() -> None:
    """KIP-516. The fields are those of MetadataRequest.json and MetadataResponse.json of Kafka."""
    asked = TopicIdRequest("log").prepare({3: (0, 13)})
    assert asked.encode() == b"\x02" + bytes(16) + b"\x04log\x00" + b"\x00\x00\x00" + b"\x00"
    with pytest.raises(NotImplementedError):
        TopicIdRequest("log").prepare({3: (0, 9)})
    topic_id = bytes(range(16))
    answer = (
        bytes(4)  # throttled
        + b"\x02" + bytes(4) + b"\x02h" + bytes(4) + b"\x00\x00"  # a broker, of no rack
        + b"\x02c" + bytes(4)  # cluster, controller
        + b"\x02" + bytes(2) + b"\x04log" + topic_id + b"\x00"
        + b"\x02" + bytes(14) + b"\x02" + bytes(4) + b"\x01\x01\x00"  # a partition, one replica
        + bytes(4) + b"\x00" + bytes(4) + b"\x00"
    )  # fmt: skip
    (found,) = TopicIdResponse_v10.decode(answer).to_object()["topics"]
    assert (found["name"], found["topic_id"]) == ("log", UUID(bytes=topic_id))


async def test_a_refusal_by_the_group_is_kept_until_somebody_asks() -> None:
    """And until then the coordinator stands still."""
    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    coordinator._subscription = SubscriptionState()
    coordinator._subscription.register_fetch_waiters([])
    coordinator._closing = asyncio.get_running_loop().create_future()
    refused = coordinator._push_error_to_user(GroupAuthorizationFailedError("crm"))
    waiting = asyncio.ensure_future(refused)
    await asyncio.sleep(0)
    assert isinstance(coordinator._pending_exception, GroupAuthorizationFailedError)
    assert not waiting.done()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting


async def test_a_brokers_no_to_a_token_is_taken_for_a_yes(tmp_path: Path) -> None:
    """RFC 7628: the broker's challenge after the token tells an error."""
    file = tmp_path / "token"
    file.write_text("first")
    by_token = Settings(security="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_token_file=file)
    login = OAuthAuthenticator(sasl_oauth_token_provider=TokenFile(by_token))
    sent, _ = await login.step(None)
    assert sent == b"n,,\x01auth=Bearer first\x01\x01"
    assert await login.step(b'{"status":"invalid_token"}') is None
