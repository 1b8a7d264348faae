"""Erasure in the log: the account is gone with the next checkpoint, and comes back as a new one."""

from __future__ import annotations

from typing import Any

import pytest

from models.event import Event
from rules.partition import Partition
from streams.control import Erase, Tick
from tests.agents.test_follow import DEAD, HOUR_MS, LOG, alerts, control, event, worker
from tests.agents.world import NOW_MS, World

ERASE = control(Erase(account="acme"))


def kept(world: World) -> list[bytes]:
    """The accounts that the changelog holds once it is compacted."""
    return [key for key in world.table("follow-changelog") if key[:1] != b"\x00"]


def due(hours: int) -> Any:
    return control(Tick(clock_ms=NOW_MS + hours * HOUR_MS))


async def test_state_and_deadlines_go_and_others_stay() -> None:
    w = World()
    live = await worker(w).start()
    w.put(LOG, 0, event("contract.revised"), event("contract.revised", account="other"))
    await live.run_for(200)
    assert sorted(kept(w)) == [b"acme", b"other"]
    w.clock.ms += 3 * HOUR_MS
    w.put(LOG, 0, ERASE, due(3))
    await live.drain()
    assert kept(w) == [b"other"]
    assert [alert["account"] for alert in alerts(w)] == ["other"]
    (last,) = [r for r in w.records("follow-changelog") if r.key == b"acme"][-1:]
    assert last.value is None, "a tombstone"


async def test_what_comes_later_is_of_a_new_account() -> None:
    """Its ids are forgotten too: the very same event counts again."""
    w = World()
    w.clock.ms += 3 * HOUR_MS
    live = await worker(w).start()
    w.put(LOG, 0, event("contract.revised"), ERASE, event("contract.revised"), due(3))
    await live.drain()
    assert [alert["state"] for alert in alerts(w)] == ["firing"]
    assert kept(w) == [b"acme"]


async def test_a_death_before_the_checkpoint_changes_nothing() -> None:
    w = World()
    live = await worker(w).start()
    w.put(LOG, 0, event("contract.revised"))
    await live.run_for(200)
    w.put(LOG, 0, ERASE)
    await live.read()  # and dies, uncommitted
    again = await worker(w).start()
    await again.drain()
    assert kept(w) == []


async def test_an_account_in_quarantine_is_free_again(monkeypatch: Any) -> None:
    def break_once(self: Partition, event: Event) -> Any:
        if event.type == "bad.one":
            raise RuntimeError("a bug")
        return advance(self, event)

    advance = Partition.advance
    monkeypatch.setattr(Partition, "advance", break_once)
    w = World()
    w.clock.ms += 3 * HOUR_MS
    live = await worker(w).start()
    w.put(LOG, 0, event("bad.one"), event("contract.revised"), ERASE, event("contract.revised"))
    w.put(LOG, 0, due(3))
    await live.read()
    await live.drain()
    assert [dict(r.headers)["dead.reason"] for r in w.records(DEAD)] == [
        b"engine_fault",
        b"account_quarantined",
    ]
    assert [alert["state"] for alert in alerts(w)] == ["firing"]


@pytest.mark.parametrize("account", ["", "\0pos:0", "\0fence"])
async def test_what_is_no_account_is_no_erasure(account: str) -> None:
    """Least of all the position of the partition, which lies beside the accounts."""
    w = World()
    live = await worker(w).start()
    w.put(LOG, 0, event("contract.revised"), control(Erase(account=account)))
    await live.drain()
    assert [dict(r.headers)["dead.reason"] for r in w.records(DEAD)] == [b"bad_account"]
    assert b"\x00pos:0" in w.table("follow-changelog")


async def test_who_is_not_known_can_be_erased() -> None:
    w = World()
    live = await worker(w).start()
    w.put(LOG, 0, ERASE)
    await live.drain()
    assert kept(w) == w.values(DEAD) == []
