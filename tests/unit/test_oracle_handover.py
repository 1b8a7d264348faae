"""The oracle checked by hand: another rule set takes over (docs/semantics.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.laws.oracle import tell
from tests.unit.test_oracle import SLA, at, short

NEXT = {**SLA, "version": "2", "goal": {"within": "6h"}}


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("expire", [("expired", "rule_changed", 3, "one")]),
        ("finish", [("firing", "due", 4, "one")]),
        ("migrate", [("firing", "due", 6, "two")]),
    ],
)
def test_another_rule_set_takes_over(way: str, expected: list[Any]) -> None:
    """A warning at 2, the new set at 3."""
    old = {**SLA, "warn_at": [0.5]}
    asked = {"id": "a", "source": "//test", "account": "ann", "type": "asked"}
    log = [
        {"event": {**asked, "time_ms": at(0)}},
        {"tick": at(3)},
        {"rules": [{**NEXT, "on_change": way}], "digest": "two"},
        {"event": {**asked, "id": "b", "type": "answered", "time_ms": at(9)}},
    ]
    first, *told = tell(log, [old], digest="one")
    assert (first.step, first.digest) == ("warn:0.5", "one")
    assert [(*one, t.digest) for one, t in zip(short(told), told, strict=True)][:1] == expected
