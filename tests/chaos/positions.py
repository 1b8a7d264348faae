"""Where each partition stands, by the records that the checkpoints leave in the changelogs."""

from __future__ import annotations

from streams.position import Position, decode_position, position_key
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import stored


async def positions(settings: Settings) -> dict[tuple[str, int], Position]:
    """By agent and partition; a partition without a checkpoint is left out."""
    topics, found = Topics(settings), {}
    for agent, topic in (("ingest", topics.ingest_changelog), ("follow", topics.follow_changelog)):
        for partition, records in (await stored(settings, topic.name)).items():
            for record in records:
                if record.key == position_key(partition) and record.value:
                    found[agent, partition] = decode_position(record.value)
    return found
