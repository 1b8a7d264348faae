"""Accounts stay bytes until somebody needs them; nobody can tell the difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.account import Account
from models.errors import Unavailable
from rules.asleep import Accounts
from rules.snapshot import (
    BARE,
    DAMAGED,
    ENVELOPE,
    Front,
    decode_account,
    encode_account,
    read_front,
)
from tests.story import Story, rule_set

REPLY = {
    "kind": "sla",
    "start": {"type": "question.asked"},
    "stop": {"type": "question.answered"},
    "goal": {"within": "2h"},
}


def story() -> Story:
    return Story(rule_set(REPLY))


def lived() -> Story:
    """ann waits since 0h, bob since 1h, cid for nothing."""
    s = story().event("0h", "question.asked", account="ann")
    s.event("1h", "question.asked", account="bob").event("1h", "page.viewed", account="cid")
    return s


def restarted(old: Story) -> tuple[Story, Accounts]:
    new, partition = story(), old.partition
    stored = [(id, encode_account(account)) for id, account in partition.accounts.items()]
    new.partition.restore(stored, partition.header())
    return new, new.partition._accounts


def asleep(accounts: Accounts) -> set[str]:
    return {id for id in ("ann", "bob", "cid") if accounts.is_asleep(id)}


def test_after_a_restart_all_are_asleep_and_counted() -> None:
    s, accounts = restarted(lived())
    assert (asleep(accounts), s.partition.size) == ({"ann", "bob", "cid"}, 3)
    assert s.partition.next_deadline() == lived().partition.next_deadline() is not None


def test_a_deadline_wakes_its_own_account_only() -> None:
    s, accounts = restarted(lived())
    assert s.tick("2h").told == [("firing", "due", "2:00:00")]
    assert asleep(accounts) == {"bob", "cid"}
    assert s.partition.dirty == {"ann"}


def test_an_event_wakes_its_own_account_only() -> None:
    s, accounts = restarted(lived())
    s.event("2h", "question.answered", account="bob").tick("9h")
    assert s.told == [("firing", "due", "2:00:00")]
    assert asleep(accounts) == {"cid"}


def test_a_rule_set_looks_at_those_with_open_cases() -> None:
    s, accounts = restarted(lived())
    other = rule_set({**REPLY, "goal": {"within": "3h"}})
    assert [o.alert.account for o in s.partition.activate(other)] == [
        o.alert.account for o in lived().partition.activate(other)
    ]
    assert asleep(accounts) == {"cid"}


def test_waking_can_be_spread_over_time() -> None:
    s, accounts = restarted(lived())
    assert s.partition.wake(1)
    assert not s.partition.wake(1)
    assert asleep(accounts) == {"cid"}


def test_who_is_erased_asleep_does_not_wake() -> None:
    s, accounts = restarted(lived())
    s.partition.erase("ann")
    assert s.tick("9h").told == [("firing", "due", "3:00:00")]
    assert (asleep(accounts), s.partition.size) == ({"cid"}, 2)


def test_the_front_tells_what_is_needed_before_waking() -> None:
    accounts = lived().partition.accounts
    due = lived().partition.next_deadline()
    assert read_front(encode_account(accounts["ann"])) == Front(due or 0, False, True)
    accounts["cid"].quarantined = True
    assert read_front(encode_account(accounts["cid"])) == Front(0, True, False)


def test_the_first_version_is_still_read() -> None:
    ann = lived().partition.accounts["ann"]
    data = encode_account(ann)
    bare = bytes([BARE]) + data[ENVELOPE.begins :]
    assert (decode_account(bare), read_front(bare)) == (ann, read_front(data))


def test_a_later_version_is_refused() -> None:
    later = bytes([ENVELOPE.version + 1]) + encode_account(Account("acme"))[1:]
    with pytest.raises(Unavailable, match="version 3, this release reads 2"):
        read_front(later)


@given(st.data())
def test_damage_is_told_when_the_partition_opens(data: st.DataObject) -> None:
    stored = bytearray(encode_account(lived().partition.accounts["ann"]))
    at = data.draw(st.integers(1, len(stored) - 1))
    stored[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DAMAGED):
        read_front(bytes(stored))
    with pytest.raises(DAMAGED):
        read_front(bytes(stored[:at]))
