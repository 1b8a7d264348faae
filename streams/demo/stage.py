"""Where the demo plays: a broker, and topics and state that no other run shares.

Names that are new in each run let the demo show the same each time, beside whatever else the broker
holds. Everything goes when it ends, unless it is to be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from streams.broker import EmbeddedKafka, Started, embedded_kafka
from streams.connection import connect
from streams.kafka.admin import create_topics
from streams.kafka.port import answers, free_port
from streams.settings import Settings
from streams.topics import Topics

DEFAULT_BROKER = Settings.model_fields["broker"].default
NO_TICKS_S = 1e9  # a tick would move the clock past all that the feed has yet to say
SHARED = ("rules", "calendars")  # the demo knows what its own rules must say


def demo_settings(settings: Settings, run: str) -> Settings:
    """The settings of one run: the broker is yours, topics, group and folder are its own.

    >>> demo_settings(Settings(), "20260302-090000").app_id
    'demo-20260302-090000'
    """
    name = f"demo-{run}"
    defaults = {field: Settings.model_fields[field].default for field in SHARED}
    return settings.model_copy(
        update={
            **defaults,
            "app_id": name,
            "topic_prefix": f"{name}.",
            "raw_topic": f"raw.{name}.v1",
            "state_dir": settings.state_dir / "demo",
            "metrics_port": free_port(),
            "tick_every_s": NO_TICKS_S,
        }
    )


@contextmanager
def broker(settings: Settings, *, keep: bool) -> Iterator[str]:
    """What was found or started; the embedded Kafka only where the default broker is not there."""
    kafka = _embedded(settings)
    if kafka is None:
        yield f"Kafka at {settings.broker}"
        return
    verdict = kafka.start()
    try:
        yield f"Kafka at {kafka.bootstrap}, embedded, {verdict}"
    finally:
        if verdict is not Started.ALREADY_RUNNING and not keep:
            kafka.stop()


def _embedded(settings: Settings) -> EmbeddedKafka | None:
    if settings.broker != DEFAULT_BROKER:
        return None
    kafka = embedded_kafka(settings)
    return None if kafka.pid is None and answers(kafka.port) else kafka


@contextmanager
def topics(settings: Settings, *, keep: bool) -> Iterator[None]:
    """The topics of a run, from its beginning to its end."""
    asyncio.run(create_topics(settings))
    try:
        yield
    finally:
        if not keep:
            asyncio.run(_delete(settings))


async def _delete(settings: Settings) -> None:
    async with connect(settings) as admin:
        await admin.delete_topics([topic.name for topic in Topics(settings)])
