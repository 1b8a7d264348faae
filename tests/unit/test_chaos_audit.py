"""The audit of the fault suite sees what it is there to see, or its passes would mean nothing."""

from __future__ import annotations

import json
from typing import Any

from models.account import Account
from tests.chaos.audit import Audit, Told, compare
from tests.chaos.chain import Chain, Difference


def told(*ids: str, applied: int = 3, **changes: Any) -> Told:
    """Alerts of one account, by id, and its state."""
    found = Told(accounts={"acme": Account("acme", applied=applied)})
    for id in ids:
        alert = {"alert_id": id, "fingerprint": "f", "account": "acme", "why": id, "emitted_at": 1}
        found.add("signals", json.dumps(alert | changes).encode())
    return found


def faults(said: Told, expected: Told) -> dict[str, int]:
    found = Audit()
    compare(said, expected, found)
    return found.faults


def test_the_same_is_no_fault_whenever_it_was_emitted() -> None:
    assert faults(told("1", "2", emitted_at=7), told("1", "2")) == {}


def test_each_fault_of_alerts_has_its_name() -> None:
    expected = told("1", "2")
    assert faults(told("1"), expected) == {"missing": 1}
    assert faults(told("1", "2", "2"), expected) == {"duplicate": 1}
    assert faults(told("1", "2", "3"), expected) == {"strange": 1}
    assert faults(told("2", "1"), expected) == {"disordered": 1}
    assert faults(told("1", "2", why="another text"), expected) == {"disordered": 1}


def test_each_fault_of_accounts_has_its_name() -> None:
    expected = told()
    assert faults(told(applied=5), expected) == {"over": 2}
    assert faults(told(applied=1), expected) == {"under": 2}
    said = told()
    said.accounts["acme"].latest = 7
    assert faults(said, expected) == {"wrong_states": 1}
    del said.accounts["acme"]
    assert faults(said, expected) == {"under": 3}


def test_a_lost_event_beside_a_repeated_one_is_seen() -> None:
    ours, theirs = Chain(), Chain()
    for item in (b"1", b"1"):
        ours.add("acme", item)
    for item in (b"1", b"2"):
        theirs.add("acme", item)
    assert ours.differs(theirs) == Difference(over=1, under=1, disordered=set())
