"""Erasure of an account: from every compacted topic now, from all others when their time is up.

Off the data path; `pathline erase`. The worker that holds the account's state would write it again,
so the command goes through the log: the owner of the partition forgets the account at that place
and deletes it from the changelog with its next checkpoint. Then no alert of its past can follow,
and its states are deleted from the topic of the latest ones.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from models.alert import decode_alert
from models.errors import BadSetting, Unavailable
from streams.checkpoint import partition_of
from streams.clock import Clock
from streams.codec import ACCOUNT_BYTES_MAX
from streams.connection import client_options, connect
from streams.control import Erase, encode_control
from streams.kafka.admin import load_topics
from streams.keyring import Signer, load_keyring
from streams.probe import OffsetProbe
from streams.reader import Reader, open_reader
from streams.settings import Settings
from streams.topics import FoundTopic, Topics

POLL_S = 0.1
FOR_EVER = -1
LEARNED = "its name and rows among what was learned, until enough other cases have come"


class Kept(NamedTuple):
    """What a topic may still hold. until: at the latest; None: nothing ends it."""

    topic: str
    what: str
    until: datetime | None


class Erased(NamedTuple):
    """partition, offset: of the record in the interactions that says so. alerts: states deleted."""

    partition: int
    offset: int
    alerts: int
    kept: list[Kept]


def check_account(account: str) -> bytes:
    """The key of its records. Raises BadSetting for what is no account.

    >>> check_account("acme")
    b'acme'
    """
    key = account.encode("utf-8", "replace")
    if key.decode() != account or not 0 < len(key) <= ACCOUNT_BYTES_MAX or key[:1] == b"\0":
        raise BadSetting(
            f"--account: 1 to {ACCOUNT_BYTES_MAX} bytes of UTF-8 that do not begin with NUL"
        )
    return key


async def erase(settings: Settings, account: str, clock: Clock, wait_s: float) -> Erased:
    """Erase it. wait_s: for the worker that holds it; to repeat the command does no harm.

    Raises Unavailable when no worker applies it in time, BadSetting when workers refuse it.
    """
    key = check_account(account)
    partition = partition_of(key, settings.partitions)
    producer = AIOKafkaProducer(**client_options(settings), acks="all")
    try:
        await producer.start()
        async with open_reader(settings, Topics(settings).follow_changelog.name) as changelog:
            offset = await _append(producer, settings, account, partition, clock)
            await _wait(settings, partition, offset, clock, wait_s)
            if not await _is_deleted(changelog, key):
                raise BadSetting(
                    f"the workers passed offset {offset} and did not erase: either they take signed"
                    " control records only (set PATHLINE_CONTROL_KEY_FILE to their file), or they"
                    " are of a release that cannot erase"
                )
        alerts = await _delete_alerts(producer, settings, account, partition, offset)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {settings.broker} failed: {error!r}; repeat it") from None
    finally:
        await producer.stop()
    return Erased(partition, offset, alerts, await load_kept(settings, clock.wall_ms()))


async def _append(
    producer: AIOKafkaProducer, settings: Settings, account: str, partition: int, clock: Clock
) -> int:
    """The offset of the record that erases."""
    topic = Topics(settings).interactions.name
    key, value = encode_control(Erase(account=account))
    keyring = load_keyring(settings.control_key_file)
    headers = Signer(keyring, clock).headers(topic, partition, key, value) if keyring else None
    sent = await producer.send_and_wait(topic, value, key, partition, headers=headers)
    return int(sent.offset)


async def _wait(
    settings: Settings, partition: int, offset: int, clock: Clock, wait_s: float
) -> None:
    """Until a checkpoint holds the state after that offset."""
    topic, probe = Topics(settings).interactions.name, OffsetProbe(settings)
    give_up_s = clock.steady_s() + wait_s
    await probe.start()
    try:
        while True:
            at = (await probe.group(topic, [partition])).get(partition)
            if at is not None and at.offset > offset:
                return
            if clock.steady_s() > give_up_s:
                raise Unavailable(
                    f"the erasure stands in {topic}/{partition} at offset {offset}, and no worker"
                    f" has applied it within {wait_s:g} s; it will. Then repeat this command: only"
                    " after that the states of alerts can be deleted"
                )
            await asyncio.sleep(POLL_S)
    finally:
        await probe.stop()


async def _is_deleted(changelog: Reader, key: bytes) -> bool:
    """Whether a tombstone was written since the reader was opened."""
    since = changelog.ends
    await changelog.look()
    changelog.seek(since)
    found = False
    async for record in changelog.to_end():
        found |= record.key == key and record.value is None
    return found


async def _delete_alerts(
    producer: AIOKafkaProducer, settings: Settings, account: str, partition: int, before: int
) -> int:
    """Delete the states of alerts whose events lie before that offset; those after it are new."""
    topic = Topics(settings).alert_state.name
    last: dict[bytes, bool] = {}
    async with open_reader(settings, topic) as reader:
        async for record in reader.to_end():
            if record.key is not None:
                last[record.key] = _is_of(record.value, account, partition, before)
    old = [fingerprint for fingerprint, is_old in last.items() if is_old]
    sent = [await producer.send(topic, None, fingerprint) for fingerprint in old]
    await asyncio.gather(*sent)
    return len(old)


def _is_of(value: bytes | None, account: str, partition: int, before: int) -> bool:
    if value is None:
        return False
    try:
        alert = decode_alert(value)
    except (msgspec.MsgspecError, ValueError):  # nobody's alert
        return False
    return alert.account == account and all(
        event.partition == partition and event.offset < before for event in alert.evidence
    )


async def load_kept(settings: Settings, now_ms: int) -> list[Kept]:
    """What each topic may hold of any account, and until when, by its settings on the broker."""
    topics = Topics(settings)
    async with connect(settings) as admin:
        found = await load_topics(admin, topics)
    no_account = topics.rules.name, topics.ingest_changelog.name
    learned = topics.models.name, topics.learn_changelog.name
    return [
        Kept(topic.name, LEARNED, None)
        if topic.name in learned
        else _tell_kept(topic.name, found[topic.name], now_ms)
        for topic in topics
        if topic.name in found and topic.name not in no_account
    ]


def _tell_kept(name: str, found: FoundTopic, now_ms: int) -> Kept:
    if found.config.get("cleanup.policy") == "compact":
        what = "its states until compacted, then its key"
        parts = ("max.compaction.lag.ms", "delete.retention.ms")
    else:  # a segment is open for so long, and goes when its newest record is too old
        what, parts = "its records", ("segment.ms", "retention.ms")
    spans = [int(found.config.get(part, FOR_EVER)) for part in parts]
    return Kept(name, what, None if FOR_EVER in spans else _later(now_ms, sum(spans)))


def _later(now_ms: int, span_ms: int) -> datetime | None:
    """None beyond the calendar: Kafka writes "no limit" as the largest integer, too.

    >>> _later(0, 86_400_000)
    datetime.datetime(1970, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        return datetime.fromtimestamp(now_ms // 1000, UTC) + timedelta(milliseconds=span_ms)
    except OverflowError:
        return None
