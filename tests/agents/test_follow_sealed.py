"""Follow with keys: from the first signed control record on, what is not signed steers nothing."""

from __future__ import annotations

from typing import Any

import pytest

from models.errors import BadSetting
from streams.agents.follow import FollowAgent
from streams.control import Activate, Control, Erase, Feed, Tick, encode_control
from streams.keyring import HEADER, SKEW_MS, Key, Keyring, Signer
from streams.shelf import RuleShelf
from tests.agents.test_follow import (
    HOUR_MS,
    LOG,
    SETTINGS,
    SLA,
    TOPICS,
    alerts,
    book,
    control,
    event,
)
from tests.agents.world import NOW_MS, World, WorldWorker

KEY = Key("k1", b"s" * 32, None)
RING = Keyring([KEY])
TICK = Tick(clock_ms=NOW_MS + 2 * HOUR_MS)
STRAYS: tuple[Control, ...] = (
    TICK,
    Feed(feed="crm", max_stale_ms=1, stale=True),
    Erase(account="acme"),
    Activate(digest="a rule set that nobody published"),
)


class SealedWorld(World):
    """Whoever appends in it has the key."""

    def __init__(self) -> None:
        super().__init__()
        self.signer = Signer(RING, self.clock)

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        self.put(topic, partition, self.signed(topic, partition, key, value))

    def signed(self, topic: str, partition: int, key: bytes, value: bytes) -> Any:
        return key, value, self.signer.headers(topic, partition, key, value)

    def sign(self, record: Control, partition: int = 0) -> Any:
        """A row with a signature for this partition of the log."""
        return self.signed(LOG, partition, *encode_control(record))


def worker(world: World, keyring: Keyring | None = RING) -> WorldWorker:
    async def fetch(digest: str) -> bytes | None:
        return None

    shelf = RuleShelf(book(SLA), TOPICS.rules.name, fetch)
    return WorldWorker(world, FollowAgent(SETTINGS, TOPICS, shelf, keyring), checkpoint_s=0.1)


def refused(live: WorldWorker) -> dict[str, float]:
    """What the metric says, by reason."""
    (family,) = live.metrics.refused.collect()
    return {s.labels["reason"]: s.value for s in family.samples if s.name.endswith("_total")}


async def test_a_worker_with_keys_closes_its_partitions_at_once() -> None:
    w = SealedWorld()
    live = await worker(w).start()
    (greeting,) = w.records(LOG)
    assert dict(greeting.headers)[HEADER].startswith(b"1.k1.")
    await live.read()
    assert live.runtime.shards[0].job.snapshot(0).header["sealed"]


@pytest.mark.parametrize("stray", STRAYS, ids=lambda record: type(record).__name__)
async def test_an_unsigned_one_is_counted_and_does_nothing(stray: Control) -> None:
    """Not even a dead letter: a hundred of those would stop the worker."""
    w = SealedWorld()
    live = await worker(w).start()
    w.put(LOG, 0, event("contract.revised"), *[control(stray)] * 200)
    await live.drain()
    assert refused(live) == {"unsigned": 200}
    assert alerts(w) == w.values(TOPICS.dead_letters.name) == []
    assert b"acme" in w.table("follow-changelog")


async def test_signed_ones_count() -> None:
    w = SealedWorld()
    live = await worker(w).start()
    w.clock.ms += 2 * HOUR_MS
    w.put(LOG, 0, event("contract.revised"), w.sign(TICK))
    await live.drain()
    assert [alert["state"] for alert in alerts(w)] == ["firing"]
    assert refused(live) == {}


async def test_a_copy_from_another_partition_or_another_day_does_nothing() -> None:
    w = SealedWorld()
    live = await worker(w).start()
    copied, once = w.sign(TICK, partition=1), w.sign(TICK)
    w.clock.ms += SKEW_MS + 1
    w.put(LOG, 0, event("contract.revised"), copied, once)
    await live.drain()
    assert refused(live) == {"wrong_signature": 1, "appended_long_after_signed": 1}
    assert alerts(w) == []


async def test_what_lies_before_the_first_signature_counts_as_it_did() -> None:
    """Keys are given to a running installation, and the log is read again."""
    w = SealedWorld()
    w.clock.ms += 2 * HOUR_MS
    w.put(LOG, 0, event("contract.revised"), control(TICK))
    await (await worker(w).start()).drain()
    assert [alert["state"] for alert in alerts(w)] == ["firing"]


async def test_the_seal_outlives_a_restart() -> None:
    w = SealedWorld()
    live = await worker(w).start()
    await live.drain()
    again = await worker(w).start()
    assert len(w.records(LOG)) == 1, "it need not close what is closed"
    w.put(LOG, 0, event("contract.revised"), control(TICK))
    await again.drain()
    assert (refused(again), alerts(w)) == ({"unsigned": 1}, [])


async def test_a_replay_with_the_same_keys_says_the_same() -> None:
    w, other = SealedWorld(), SealedWorld()
    live = await worker(w).start()
    w.clock.ms += 2 * HOUR_MS
    w.put(LOG, 0, event("contract.revised"), control(Erase(account="acme")), w.sign(TICK))
    await live.drain()
    other.logs[LOG, 0] = w.logs[LOG, 0]
    other.clock.ms = w.clock.ms
    await (await worker(other).start()).drain()
    said, again = alerts(w), alerts(other)
    assert [alert["state"] for alert in said] == ["firing"]
    assert again == said


async def test_without_keys_nobody_goes_past_a_seal() -> None:
    """Neither from a checkpoint nor in the log: what counts there cannot be told."""
    w = SealedWorld()
    live = await worker(w).start()
    keyless = worker(w, keyring=None).agent
    job = await keyless.make_job(0, {}, ())
    with pytest.raises(BadSetting, match="PATHLINE_CONTROL_KEY_FILE"):
        await keyless.prepare(job, w.records(LOG))
    await live.read()
    header = live.runtime.shards[0].job.snapshot(0).header
    with pytest.raises(BadSetting, match="PATHLINE_CONTROL_KEY_FILE"):
        await keyless.make_job(0, header, ())


async def test_the_log_of_refusals_names_places_and_no_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    w = SealedWorld()
    live = await worker(w).start()
    w.put(LOG, 0, *[control(Erase(account="m4rked"))] * 3)
    await live.drain()
    lines = [r.getMessage() for r in caplog.records if "refused" in r.getMessage()]
    assert lines == [
        f"{LOG}/0: a control record is refused at offset 1: unsigned; more of these are only"
        " counted"
    ]
    assert "m4rked" not in caplog.text
