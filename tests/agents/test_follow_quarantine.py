"""Follow: an account that breaks the engine says nothing more; the others go on."""

from __future__ import annotations

import pytest

from models.event import Event
from rules.context import Output
from rules.engine import EngineFault
from rules.partition import Partition
from rules.snapshot import decode_account
from streams.agents import follow
from streams.control import Tick
from tests.agents.test_follow import DEAD, HOUR_MS, LOG, alerts, control, event, reasons, worker
from tests.agents.world import World


class Fragile(Partition):
    """An engine with a bug: it breaks halfway on `boom`, and on every tick after `fuse`."""

    def advance(self, event: Event) -> list[Output]:
        outputs = super().advance(event)
        if event.type == "page.boom":
            raise ZeroDivisionError("a bug")
        return outputs

    def tick(self, clock_ms: int) -> list[Output]:
        outputs = super().tick(clock_ms)
        fused = [a for a in self.accounts.values() if "page.fused" in a.sequence.types]
        for account in fused:
            if not account.quarantined:
                raise EngineFault(account.id) from ZeroDivisionError("a bug")
        return outputs


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "Partition", Fragile)


@pytest.mark.usefixtures("fragile")
async def test_an_account_that_breaks_the_engine_is_set_aside_and_the_others_go_on() -> None:
    w = World()
    w.put(
        LOG,
        0,
        event("contract.revised"),
        event("contract.revised", 1, account="other"),
        event("page.boom", 2),
        event("page.viewed", 3),
        event("page.viewed", 3 * HOUR_MS, account="other"),
    )
    live = await worker(w).start()
    await live.read()
    await live.read()
    await live.drain()
    assert reasons(w) == ["engine_fault", "account_quarantined"]
    assert b"ZeroDivisionError: a bug" in dict(w.records(DEAD)[0].headers)["dead.message"]
    assert [a["account"] for a in alerts(w)] == ["other"], "a rule that sees nothing says nothing"
    acme = decode_account(w.table("follow-changelog")[b"acme"])
    assert (acme.quarantined, acme.applied, acme.cases) == (True, 1, {}), "no half is left"


@pytest.mark.usefixtures("fragile")
async def test_the_quarantine_outlives_the_worker() -> None:
    w = World()
    w.put(LOG, 0, event("page.boom"))
    live = await worker(w).start()
    await live.read()
    await live.drain()
    w.put(LOG, 0, event("page.viewed", 1), event("page.viewed", 1, account="other"))
    await (await worker(w).start()).drain()
    assert reasons(w) == ["engine_fault", "account_quarantined"]


@pytest.mark.usefixtures("fragile")
async def test_who_breaks_when_time_passes_is_found_and_the_tick_counts() -> None:
    w = World()
    w.put(
        LOG,
        0,
        event("page.fused", account="one"),
        event("page.fused", account="two"),
        event("contract.revised"),
    )
    w.clock.ms += 3 * HOUR_MS
    w.put(LOG, 0, control(Tick(clock_ms=w.clock.ms)))
    live = await worker(w).start()
    for _ in range(3):  # once for each culprit, and then through
        await live.read()
    await live.drain()
    assert reasons(w) == []
    assert [a["account"] for a in alerts(w)] == ["acme"]
    table = w.table("follow-changelog")
    assert [decode_account(table[id]).quarantined for id in (b"one", b"two", b"acme")] == [
        True,
        True,
        False,
    ]
