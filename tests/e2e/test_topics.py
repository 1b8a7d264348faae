"""`pathline topics` on a real broker: made once, checked always, never changed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from typer.testing import CliRunner

from models.errors import BadSetting
from streams.commands.topics import app
from streams.connection import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.kafka_settings import environment


def run(settings: Settings, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code, and what `--json` printed."""
    result = CliRunner().invoke(app, [*arguments, "--json"], env=environment(settings))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def make(settings: Settings, name: str, partitions: int, **config: str) -> None:
    """A topic that someone made by hand."""

    async def create() -> None:
        async with connect(settings) as admin:
            config_of = {key.replace("_", "."): value for key, value in config.items()}
            await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config_of)])

    asyncio.run(create())


def test_create_makes_all_and_the_second_time_finds_them(settings: Settings) -> None:
    names = [topic.name for topic in Topics(settings)]
    code, first = run(settings, "create")
    assert (code, [t["topic"] for t in first]) == (0, names)
    assert {t["verdict"] for t in first} == {"created"}
    code, second = run(settings, "create")
    assert code == 0
    assert {t["verdict"] for t in second} == {"present"}


def test_list_tells_what_is_missing_and_then_that_all_is_right(settings: Settings) -> None:
    code, listed = run(settings, "list")
    assert code == 1
    assert {t["found"] for t in listed} == {None}
    run(settings, "create")
    code, listed = run(settings, "list")
    assert code == 0
    assert [f for t in listed for f in t["findings"]] == []
    policies = {t["topic"]: t["found"]["config"]["cleanup.policy"] for t in listed}
    assert policies[Topics(settings).follow_changelog.name] == "compact"


def test_a_topic_that_someone_made_is_told_and_left_as_it_is(settings: Settings) -> None:
    changelog = Topics(settings).follow_changelog.name
    make(settings, changelog, 2, cleanup_policy="delete", max_message_bytes="9000000")
    for _ in range(2):
        code, topics = run(settings, "create")
        assert code == 1
        (wrong,) = [t for t in topics if t["verdict"] == "wrong"]
        assert wrong["topic"] == changelog
        assert {f["setting"]: f["found"] for f in wrong["findings"]} == {
            "partitions": "2",
            "cleanup.policy": "delete",
            "max.compaction.lag.ms": str(2**63 - 1),
        }


def test_what_the_broker_refuses_is_told_with_its_reason(settings: Settings) -> None:
    greedy = settings.model_copy(update={"replication": 3})
    with pytest.raises(BadSetting, match="replication factor of 3 cannot be reached"):
        run(greedy, "create")
