"""What `streams/topics.py` says, carried out on a broker: find topics, check them, create them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from models.errors import BadSetting, Unavailable
from streams.connection import connect
from streams.settings import Settings
from streams.topics import Finding, FoundTopic, Topic, Topics, compare_topics

APPEAR_TIMEOUT_S = 15
POLL_S = 0.05


async def check_topics(settings: Settings) -> list[Finding]:
    """What is wrong with the topics of these settings. Raises Unavailable."""
    topics = Topics(settings)
    async with connect(settings) as admin:
        return compare_topics(topics, await load_topics(admin, topics))


async def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing and return their names; touches no other.

    Returns when each has its leaders. Raises Unavailable, and BadSetting when the broker refuses.
    """
    topics = Topics(settings)
    async with connect(settings) as admin:
        present = await load_topics(admin, topics)
        return await create(admin, [topic for topic in topics if topic.name not in present])


async def create(admin: AIOKafkaAdminClient, missing: list[Topic]) -> list[str]:
    """Create these, and return the names of those that nobody else made meanwhile."""
    created = await _create(admin, missing) if missing else []
    await _wait_for_leaders(admin, {topic.name for topic in missing})
    return created


async def load_topics(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> dict[str, FoundTopic]:
    """The settings of those topics that exist, by name."""
    names = {topic.name for topic in topics}
    metadata = {t["topic"]: t for t in await admin.describe_topics() if t["topic"] in names}
    if not metadata:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in metadata]
    found = {}
    for response in await admin.describe_configs(resources):
        for resource in response.to_object()["resources"]:
            _check_code(resource["error_code"], resource["error_message"])
            name = resource["resource_name"]
            partitions = metadata[name]["partitions"]
            found[name] = FoundTopic(
                partitions=len(partitions),
                replication=min((len(p["replicas"]) for p in partitions), default=0),
                config={e["config_names"]: e["config_value"] for e in resource["config_entries"]},
            )
    return found


async def _create(admin: AIOKafkaAdminClient, missing: list[Topic]) -> list[str]:
    new = [
        NewTopic(t.name, t.partitions, t.replication, topic_configs=dict(t.config)) for t in missing
    ]
    response = await admin.create_topics(new)
    created = []
    for error in response.to_object()["topic_errors"]:
        if error["error_code"] == TopicAlreadyExistsError.errno:  # someone else was quicker
            continue
        _check_code(error["error_code"], f"{error['topic']}: {error['error_message']}")
        created.append(error["topic"])
    return created


def _check_code(code: int, message: str | None) -> None:
    if code:
        raise BadSetting(f"Kafka refuses ({for_code(code).__name__}): {message}")


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    led: set[str] = set()
    for _ in range(round(APPEAR_TIMEOUT_S / POLL_S)):
        led = {
            t["topic"]
            for t in await admin.describe_topics()
            if not t["error_code"] and all(p["leader"] >= 0 for p in t["partitions"])
        }
        if names <= led:
            return
        await asyncio.sleep(POLL_S)
    raise Unavailable(f"no leader after {APPEAR_TIMEOUT_S} s for {', '.join(sorted(names - led))}")
