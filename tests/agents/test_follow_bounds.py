"""Follow: state that outgrows its changelog record, and state that cannot be read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules.loader import parse
from rules.snapshot import decode_account
from streams.agents.follow import FollowAgent
from streams.settings import Settings
from streams.shelf import RuleShelf
from streams.topics import Topics
from tests.agents.test_follow import SLA, event, reasons
from tests.agents.world import Died, World, WorldWorker
from tests.story import COMMON, TESTS

SMALL = Settings(partitions=1, lateness_s=0, message_bytes_max=10_000, record_bytes_max=5_000)
LOG = Topics(SMALL).interactions.name


def worker(world: World) -> WorldWorker:
    rule: dict[str, Any] = {**COMMON, "tests": TESTS, **SLA, "key": ["data.ticket"]}
    rule["why"] = "{{start.data.text}} waits"  # a case keeps what its sentence shows
    book = parse(json.dumps({"v": 1, "rules": [rule], "calendars": []}).encode())

    async def fetch(digest: str) -> None:
        """Nothing was ever published."""

    shelf = RuleShelf(book, Topics(SMALL).rules.name, fetch)
    return WorldWorker(world, FollowAgent(SMALL, Topics(SMALL), shelf), checkpoint_s=0.1)


async def test_an_account_whose_state_fits_no_record_is_set_aside_and_the_others_go_on() -> None:
    w = World()
    live = await worker(w).start()
    for n in range(4):
        w.put(LOG, 0, event("contract.revised", n, ticket=n, text="x" * 4_000))
        w.put(LOG, 0, event("contract.revised", n, account="other", ticket=n, text="x"))
        await live.run_for(200)
    await live.drain()
    accounts = {k: decode_account(v) for k, v in w.table("follow-changelog").items() if k[0]}
    assert (accounts[b"acme"].quarantined, accounts[b"acme"].cases) == (True, {})
    assert (accounts[b"other"].applied, len(accounts[b"other"].cases["sla"])) == (4, 4)
    assert max(len(value) for value in w.table("follow-changelog").values()) < 9_000
    assert set(reasons(w)) == {"account_quarantined"}
    assert accounts[b"acme"].applied + len(reasons(w)) == 4, "each is applied, or told"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"acme", b""),
        (b"acme", b"\x01"),
        (b"acme", b"\x01\xff rubbish"),
        (b"\x00pos:0", b"\xff rubbish"),
        (b"\x00pos:0", b"\x80"),
    ],
)
async def test_a_damaged_changelog_is_refused_and_nothing_of_it_skipped(
    key: bytes, value: bytes
) -> None:
    w = World()
    w.put(LOG, 0, event("contract.revised", ticket=1, text="x"))
    await (await worker(w).start()).drain()
    before = w.values("follow-changelog")
    w.put("follow-changelog", 0, (key, value))
    with pytest.raises(Died, match="in the changelog cannot be read") as death:
        await worker(w).start()
    assert death.value.code == 3
    assert w.values("follow-changelog")[: len(before) + 1] == [*before, value]
