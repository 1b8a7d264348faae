"""Follow: from the interactions to state and alerts, in a world in memory with the real engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from rules.loader import RuleBook, parse
from rules.snapshot import decode_account
from streams.agents.follow import FollowAgent
from streams.control import Activate, Control, Feed, Tick, encode_control
from streams.published import encode_history
from streams.settings import Settings
from streams.shelf import RuleShelf
from streams.topics import Topics
from tests.agents.world import NOW_MS, Died, World, WorldWorker
from tests.story import COMMON, OFFICE, TESTS

SETTINGS = Settings(partitions=1, lateness_s=0)
TOPICS = Topics(SETTINGS)
LOG = TOPICS.interactions.name
BREACHES = TOPICS.sla_breaches.name
STATES = TOPICS.alert_state.name
DEAD = TOPICS.dead_letters.name
SLA: dict[str, Any] = {
    "id": "sla",
    "kind": "sla",
    "start": {"type": "contract.revised"},
    "stop": {"type": "legal.replied"},
    "goal": {"within": "2h"},
}
HOUR_MS = 3_600_000


def book(*rules: Mapping[str, Any]) -> RuleBook:
    full = [{**COMMON, "tests": TESTS, **rule} for rule in rules]
    content = json.dumps({"v": 1, "rules": full, "calendars": [OFFICE]})
    return parse(content.encode())


def worker(world: World, *rules: Mapping[str, Any], published: tuple[RuleBook, ...] = ()) -> Any:
    known = {own.digest: own.content for own in published}

    async def fetch(digest: str) -> bytes | None:
        return known.get(digest)

    shelf = RuleShelf(book(*(rules or (SLA,))), TOPICS.rules.name, fetch)
    return WorldWorker(world, FollowAgent(SETTINGS, TOPICS, shelf), checkpoint_s=0.1)


def event(type: str, after_ms: int = 0, account: str = "acme", **data: Any) -> tuple[bytes, bytes]:
    """An event so long after the start; its id tells what it is."""
    time = datetime.fromtimestamp((NOW_MS + after_ms) / 1000, UTC)
    value = {
        "specversion": "1.0",
        "id": f"{type}-{after_ms}-{account}",
        "source": "//test/crm",
        "type": type,
        "time": time.isoformat(),
        "subject": account,
        "data": data,
    }
    return account.encode(), json.dumps(value).encode()


def control(record: Control) -> tuple[bytes, bytes]:
    return encode_control(record)


def alerts(world: World, topic: str = BREACHES) -> list[dict[str, Any]]:
    return [json.loads(value or b"") for value in world.values(topic)]


def reasons(world: World) -> list[str]:
    return [dict(r.headers)["dead.reason"].decode() for r in world.records(DEAD)]


async def test_a_worker_whose_clock_is_ahead_fires_nothing_early() -> None:
    """By less than what counts as wrong: a tick moves the clock to its append time at most."""
    w, minute_ms = World(), 60_000
    w.put(LOG, 0, event("contract.revised"))
    w.clock.ms += 2 * HOUR_MS - minute_ms
    w.put(LOG, 0, control(Tick(clock_ms=w.clock.ms + 4 * minute_ms)))
    w.put(LOG, 0, event("legal.replied", 2 * HOUR_MS - minute_ms))  # in time
    await (await worker(w).start()).drain()
    assert alerts(w) == []


async def test_a_breach_is_published_with_its_state_and_its_headers() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"), control(Tick(clock_ms=NOW_MS + 2 * HOUR_MS)))
    w.clock.ms += 2 * HOUR_MS
    w.put(LOG, 0, control(Tick(clock_ms=w.clock.ms)))
    await (await worker(w).start()).drain()
    (alert,) = alerts(w)
    assert (alert["state"], alert["account"], alert["schema"]) == (
        "firing",
        "acme",
        "pathline.alert.v1",
    )
    assert alert["emitted_at"] == "2026-03-02T11:00:00Z"
    assert alerts(w, STATES) == [alert]
    assert [r.key for r in w.records(STATES)] == [alert["fingerprint"].encode()]
    (record,) = w.records(BREACHES)
    assert record.key == b"acme"
    assert dict(record.headers) == {
        "alert_id": alert["alert_id"].encode(),
        "content-type": b"application/json",
    }


async def test_alerts_of_shadow_rules_go_to_their_own_topic_only() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"), event("x.y", 3 * HOUR_MS))
    await (await worker(w, {**SLA, "status": "shadow"}).start()).drain()
    assert (len(alerts(w, TOPICS.shadow_alerts.name)), alerts(w), alerts(w, STATES)) == (1, [], [])


async def test_a_deadline_fires_with_no_further_event() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised", -2 * HOUR_MS + 3_000))
    live = await worker(w).start()
    await live.run_for(2_900)
    assert alerts(w) == []
    await live.run_for(300)
    assert [a["state"] for a in alerts(w)] == ["firing"]


async def test_what_the_shell_keeps_is_what_the_engine_holds() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"), event("page.viewed", 5, account="other"))
    live = await worker(w).start()
    await live.read()
    engine = live.runtime.shards[0].job.partition
    await live.runtime.close()
    table = w.table("follow-changelog")
    stored = {k: decode_account(v) for k, v in table.items() if k[:1] != b"\x00"}
    assert stored == {id.encode(): account for id, account in engine.accounts.items()}


BAD = {
    "not_json": (b"acme", b"{"),
    "no_time_zone": (b"acme", event("a.b")[1].replace(b"+00:00", b"")),
    "null_value": (b"acme", None),
    "unknown_control": (b"\x00what", b"{}"),
    "bad_control": (b"\x00tick", b'{"v":1}'),
    "time_in_future": control(Tick(clock_ms=NOW_MS + 10 * HOUR_MS)),
}


@pytest.mark.parametrize("reason", BAD)
async def test_a_bad_record_is_a_dead_letter_and_the_partition_goes_on(reason: str) -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"), BAD[reason], event("x.y", 3 * HOUR_MS))
    await (await worker(w).start()).drain()
    assert reasons(w) == [reason]
    assert [(r.key, r.value) for r in w.records(DEAD)] == [BAD[reason]]
    assert len(alerts(w)) == 1


async def test_another_rule_set_takes_over_through_the_log() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"))
    await (await worker(w).start()).drain()
    quick = {**SLA, "goal": {"within": "1h"}}
    live = await worker(w, quick, published=(book(SLA),)).start()
    w.put(LOG, 0, event("contract.revised", 1), event("x.y", HOUR_MS + 1))
    await live.drain()
    assert [a["due_at"] for a in alerts(w) if a["state"] == "firing"] == [
        "2026-03-02T10:00:00.001000Z"
    ]
    assert w.records(LOG)[1].key == b"\x00rules"


async def test_a_partition_that_nobody_opened_begins_under_the_workers_own_rules() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"), event("x.y", 3 * HOUR_MS))
    await (await worker(w).start()).drain()
    assert [r.key for r in w.records(LOG)] == [b"acme", b"acme"], "no activation was needed"
    assert len(alerts(w)) == 1


async def test_an_activation_loads_what_was_published() -> None:
    w = World()
    other = book({**SLA, "goal": {"within": "1h"}})
    w.put(LOG, 0, control(Activate(digest=other.digest)), event("contract.revised"))
    w.put(LOG, 0, event("x.y", 90 * 60_000))
    await (await worker(w, published=(other,)).start()).drain()
    assert [a["rule"]["digest"] for a in alerts(w)] == [other.digest]


async def test_a_rule_set_that_was_never_published_is_refused() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"))
    await (await worker(w).start()).drain()
    with pytest.raises(Died, match="does not hold") as died:
        await worker(w, {**SLA, "goal": {"within": "1h"}}).start()
    assert died.value.code == 3


async def test_while_a_feed_is_stale_the_rule_holds() -> None:
    w = World()
    rule = {**SLA, "feeds": {"crm": {"max_stale": "1h"}}}
    w.put(LOG, 0, event("contract.revised"))
    w.put(LOG, 0, control(Feed(feed="crm", max_stale_ms=HOUR_MS, stale=True, lead=True)))
    w.put(LOG, 0, event("x.y", 3 * HOUR_MS, account="other"))
    live = await worker(w, rule).start()
    await live.read()
    await live.run_for(200)
    assert alerts(w) == []
    w.put(LOG, 0, control(Feed(feed="crm", max_stale_ms=HOUR_MS, stale=False, lead=True)))
    await live.drain()
    assert [a["state"] for a in alerts(w)] == ["firing"]
    assert [a["state"] for a in alerts(w, TOPICS.signals.name)] == ["firing", "resolved"]


async def test_a_worker_killed_anywhere_says_what_one_that_lived_says() -> None:
    stories: list[list[str]] = []
    for size in (1_000, 1, 2):
        w = World()
        for n in range(9):
            w.put(LOG, 0, event("contract.revised", n * HOUR_MS, account=f"a{n % 3}"))
        live = await worker(w).start()
        for n in range(9 // size + 1):
            await live.runtime.receive(0, live.source.fetch(0, size))
            if n % 2:
                await live.run_for(200)
            live = await worker(w).start()
        await live.drain()
        stories.append([alert["alert_id"] for alert in alerts(w)])
    assert stories[0] == stories[1] == stories[2] != []


async def test_each_outcome_is_counted_once_it_is_committed() -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised"), event("contract.revised"), (b"acme", b"{"))
    w.put(LOG, 0, event("x.y", 3 * HOUR_MS))
    live = await worker(w).start()
    await live.read()
    value = live.metrics.registry.get_sample_value
    assert value("pathline_events_total", {"agent": "follow", "outcome": "applied"}) is None
    await live.runtime.close()
    counted = {
        outcome: value("pathline_events_total", {"agent": "follow", "outcome": outcome})
        for outcome in ("applied", "repeated", "rejected")
    }
    assert counted == {"applied": 2, "repeated": 1, "rejected": 1}
    assert value("pathline_alerts_total", {"rule": "sla", "state": "firing"}) == 1
    assert value("pathline_dead_letters_total", {"agent": "follow", "reason": "not_json"}) == 1
    assert value("pathline_detection_latency_seconds_count") == 1


async def test_workers_with_other_folders_follow_what_is_published() -> None:
    """So two folders in a rolling deploy do not activate each other in turn."""
    w, chosen = World(), book({**SLA, "goal": {"within": "5h"}})
    rules = {chosen.digest: chosen.content, "published": encode_history([chosen.digest])}

    async def fetch(key: str) -> bytes | None:
        return rules.get(key)

    for within in ("1h", "3h"):
        own = RuleShelf(book({**SLA, "goal": {"within": within}}), TOPICS.rules.name, fetch)
        live = await WorldWorker(w, FollowAgent(SETTINGS, TOPICS, own), checkpoint_s=0.1).start()
        await live.read()
        assert live.runtime.shards[0].job.rules_digest == chosen.digest
        await live.drain()
    assert w.values(LOG) == []


async def test_a_partition_that_missed_a_publication_is_told_when_it_is_opened() -> None:
    w, old, new = World(), book(SLA), book({**SLA, "goal": {"within": "5h"}})
    live = await worker(w).start()
    w.put(LOG, 0, event("contract.revised"))
    await live.drain()
    rules = {new.digest: new.content, "published": encode_history([old.digest, new.digest])}

    async def fetch(key: str) -> bytes | None:
        return rules.get(key)

    shelf = RuleShelf(old, TOPICS.rules.name, fetch)
    live = await WorldWorker(w, FollowAgent(SETTINGS, TOPICS, shelf), checkpoint_s=0.1).start()
    await live.read()
    assert w.values(LOG)[-1] == control(Activate(digest=new.digest))[1]
    assert live.runtime.shards[0].job.rules_digest == new.digest
