"""Rejected records: which there are, and their way back to where they came from.

Off the data path; `pathline dead-letters`. What was replayed is noted in the topic itself, in the
transaction that replays: a control record that names the letters. So a letter goes back once,
whoever asks and however often, also when a replay dies half way; and a note outlives the letters
that it names, which the offsets of a consumer group need not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from models.errors import BadSetting, Unavailable
from streams.connection import client_options, connect
from streams.reader import Reader, Stored, open_reader
from streams.record_text import DEAD, dead_headers
from streams.settings import Settings
from streams.topics import DEAD_HEADERS_BYTES, Topics

NOTE_KEY = b"\x00replayed"
TRANSACTION_MAX = 500  # letters

Place = tuple[int, int]  # partition and offset among the dead letters


class Note(msgspec.Struct):
    """These dead letters were replayed."""

    replayed: list[Place]
    v: int = 1


class DeadLetter(NamedTuple):
    """told: topic, partition, offset, reason, message, agent: where it was rejected, and why."""

    record: Stored
    told: dict[str, str]
    replayed: bool

    @property
    def place(self) -> Place:
        return self.record.partition, self.record.offset


async def load_letters(settings: Settings, reason: str | None = None) -> AsyncGenerator[DeadLetter]:
    """The dead letters there are now, oldest first in each partition; of one reason, or all."""
    async with open_reader(settings, Topics(settings).dead_letters.name) as reader:
        replayed = await _load_notes(reader)
        reader.seek(reader.begins)
        async for record in reader.to_end():
            told = dead_headers(record)
            if "reason" in told and reason in (None, told["reason"]):
                place = record.partition, record.offset
                yield DeadLetter(record, told, place in replayed)


async def replay(settings: Settings, reason: str | None, to: str | None) -> Counter[str]:
    """Send what was not replayed yet to its source topic, or to `to`; how many by topic.

    Original key, value and headers; in its source topic a record keeps its partition. Raises
    BadSetting when a source topic is gone, Unavailable when Kafka fails: what was replayed until
    then stays so, the rest waits.
    """
    producer = AIOKafkaProducer(
        **client_options(settings),
        transactional_id=f"{settings.app_id}-dead-letters-replay",
        transaction_timeout_ms=round(settings.transaction_timeout_s * 1000),
        max_request_size=settings.message_bytes_max + DEAD_HEADERS_BYTES,
    )
    sent: Counter[str] = Counter()
    try:
        await producer.start()  # ends another replay, so its notes are final before they are read
        known = await _topics(settings)
        waiting: list[DeadLetter] = []
        async with aclosing(load_letters(settings, reason)) as letters:
            async for letter in letters:
                if letter.replayed:
                    continue
                _check_target(to or letter.told["topic"], known)
                waiting.append(letter)
                if len(waiting) == TRANSACTION_MAX:
                    sent += await _replay(producer, settings, waiting, to)
                    waiting = []
        sent += await _replay(producer, settings, waiting, to)
    except ProducerFenced:
        raise Unavailable("another replay has begun and goes on with what is left") from None
    except (KafkaError, OSError) as error:
        raise Unavailable(f"{sent.total()} replayed, then Kafka failed: {error!r}") from None
    finally:
        await producer.stop()
    return sent


async def _replay(
    producer: AIOKafkaProducer, settings: Settings, letters: Sequence[DeadLetter], to: str | None
) -> Counter[str]:
    if not letters:
        return Counter()
    sent: Counter[str] = Counter()
    async with producer.transaction():
        for letter in letters:
            source = letter.told["topic"]
            await producer.send(
                to or source,
                key=letter.record.key,
                value=letter.record.value,
                headers=[(n, v) for n, v in letter.record.headers if not n.startswith(DEAD)],
                partition=int(letter.told["partition"]) if to in (None, source) else None,
            )
            sent[to or source] += 1
        note = msgspec.json.encode(Note([letter.place for letter in letters]))
        await producer.send(Topics(settings).dead_letters.name, key=NOTE_KEY, value=note)
    return sent


async def _load_notes(reader: Reader) -> set[Place]:
    found: set[Place] = set()
    async for record in reader.to_end():
        if record.key == NOTE_KEY:
            found |= parse_note(record.value)
    return found


def parse_note(value: bytes | None) -> set[Place]:
    """What a note says was replayed; one that is no note says nothing.

    >>> parse_note(b'{"replayed":[[0,7]],"v":1}'), parse_note(b"{")
    ({(0, 7)}, set())
    """
    try:
        return set(msgspec.json.decode(value or b"", type=Note).replayed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()


async def _topics(settings: Settings) -> set[str]:
    async with connect(settings) as admin:
        return set(await admin.list_topics())


def _check_target(topic: str, known: set[str]) -> None:
    if topic not in known:
        raise BadSetting(f"there is no topic {topic}: name one that takes the letters with --to")
