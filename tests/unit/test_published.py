"""Publishing and going back: what is written where, and in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.errors import BadRule, BadSetting
from rules.loader import RuleBook, parse
from streams.control import RULES_KEY
from streams.published import (
    HISTORY_KEY,
    HISTORY_MAX,
    Change,
    encode_history,
    find_digest,
    load_history,
    publish,
    rollback,
)
from streams.settings import Settings
from streams.shelf import RuleShelf
from streams.topics import Topics
from tests.story import COMMON, TESTS

SETTINGS = Settings(partitions=3)
TOPICS = Topics(SETTINGS)


def book(within: str, **rule: Any) -> RuleBook:
    sla = {
        **COMMON,
        "id": "sla",
        "kind": "sla",
        "start": {"type": "contract.revised"},
        "stop": {"type": "legal.replied"},
        "goal": {"within": within},
        "tests": TESTS,
        **rule,
    }
    return parse(json.dumps({"v": 1, "rules": [sla], "calendars": []}).encode())


A, B, C = book("1h"), book("2h"), book("3h", feeds={"crm": {"max_stale": "90m"}})


class Broker:
    """The topic of rule sets, and what else is appended; in the order in which it comes."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, bytes, bytes]] = []

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        self.rows.append((topic, partition, key, value))

    async def fetch(self, key: str) -> bytes | None:
        found = [v for t, _, k, v in self.rows if (t, k) == (TOPICS.rules.name, key.encode())]
        return found[-1] if found else None

    async def publish(self, book: RuleBook) -> Change:
        return await publish(SETTINGS, book, self.fetch, self, grace_s=0)

    async def rollback(self, digest: str | None = None) -> Change:
        return await rollback(SETTINGS, digest, self.fetch, self, grace_s=0)

    async def history(self) -> list[str]:
        return list(await load_history(self.fetch))

    def shelf(self, book: RuleBook) -> RuleShelf:
        return RuleShelf(book, TOPICS.rules.name, self.fetch)


async def test_content_then_history_then_every_partition() -> None:
    broker = Broker()
    assert await broker.publish(A) == Change(A.digest, None, 3)
    told = json.dumps({"digest": A.digest, "v": 1}, separators=(",", ":")).encode()
    assert broker.rows == [
        (TOPICS.rules.name, 0, A.digest.encode(), A.content),
        (TOPICS.rules.name, 0, HISTORY_KEY.encode(), encode_history([A.digest])),
        *((TOPICS.interactions.name, partition, RULES_KEY, told) for partition in range(3)),
    ]


async def test_to_publish_the_same_again_mends_what_was_left_undone() -> None:
    broker = Broker()
    await broker.publish(A)
    del broker.rows[3:]  # it had died before the last partitions
    assert await broker.publish(A) == Change(A.digest, A.digest, 3)
    assert [row[1] for row in broker.rows if row[2] == RULES_KEY] == [0, 0, 1, 2]
    assert await broker.history() == [A.digest]
    assert [row[2] for row in broker.rows].count(A.digest.encode()) == 1


async def test_back_goes_step_by_step_to_the_first() -> None:
    broker = Broker()
    for each in (A, B, C):
        await broker.publish(each)
    assert await broker.rollback() == Change(B.digest, C.digest, 3)
    assert await broker.rollback() == Change(A.digest, B.digest, 3)
    with pytest.raises(BadSetting, match="is the first that was published"):
        await broker.rollback()
    assert await broker.history() == [A.digest]


async def test_back_to_one_of_the_history() -> None:
    broker = Broker()
    for each in (A, B, C):
        await broker.publish(each)
    await broker.rollback(A.digest[:8])
    assert await broker.history() == [A.digest]
    await broker.publish(C)
    assert await broker.history() == [A.digest, C.digest]


async def test_back_to_what_is_not_there() -> None:
    broker = Broker()
    with pytest.raises(BadSetting, match="no rule set was ever published"):
        await broker.rollback()
    await broker.publish(A)
    with pytest.raises(BadSetting, match=f"begins with 'zz'; .*oldest first: {A.digest[:12]}"):
        await broker.rollback("zz")
    with pytest.raises(BadSetting, match="several begin with ''"):
        find_digest(["ab", "cd"], "")


async def test_back_to_a_set_that_cannot_be_read_any_more_writes_nothing() -> None:
    broker = Broker()
    broken = b'{"v":1,"rules":[{"id":"x"}],"calendars":[]}'
    await broker.append(TOPICS.rules.name, 0, b"old", broken)
    history = encode_history(["old", "new"])
    await broker.append(TOPICS.rules.name, 0, HISTORY_KEY.encode(), history)
    rows = len(broker.rows)
    with pytest.raises(BadRule):
        await broker.rollback()
    assert len(broker.rows) == rows


async def test_a_set_that_no_record_holds_is_refused_before_anything_is_written() -> None:
    broker = Broker()
    small = SETTINGS.model_copy(update={"message_bytes_max": 500})
    with pytest.raises(BadSetting, match="PATHLINE_MESSAGE_BYTES_MAX=500"):
        await publish(small, A, broker.fetch, broker, grace_s=0)
    assert broker.rows == []


@pytest.mark.parametrize("value", [b"", b"{}x", b'{"digests":["a"],"v":2}', b'{"digests":[1]}'])
async def test_a_history_that_cannot_be_read_is_no_empty_one(value: bytes) -> None:
    broker = Broker()
    await broker.append(TOPICS.rules.name, 0, HISTORY_KEY.encode(), value)
    with pytest.raises(BadSetting, match="history of published rule sets"):
        await broker.history()


def test_a_history_is_bounded() -> None:
    digests = [str(n) for n in range(HISTORY_MAX + 5)]
    assert json.loads(encode_history(digests))["digests"] == digests[5:]


async def test_what_is_wanted_is_what_was_published_else_the_workers_own() -> None:
    broker = Broker()
    shelf = broker.shelf(B)
    assert (await shelf.refresh()).digest == B.digest
    await broker.publish(A)
    assert (await shelf.refresh()).digest == A.digest
    await broker.publish(C)
    assert (await shelf.refresh()).digest == C.digest
    assert shelf.own.digest == B.digest


async def test_the_feeds_of_a_published_set_are_watched_too() -> None:
    broker = Broker()
    shelf = broker.shelf(A)
    assert shelf.feeds == frozenset()
    await broker.publish(C)
    await shelf.refresh()
    assert shelf.feeds == {("crm", 5_400_000)}
