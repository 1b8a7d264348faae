"""`explain` where other rules, other versions and gates have a say."""

from __future__ import annotations

from datetime import timedelta

from rules.explain import explain, standing_of
from tests.story import START, Story, rule_set
from tests.unit.explained import SLA, Account, notes, told


def test_a_composite_tells_what_its_rules_have_said() -> None:
    parts = [
        {"id": "viewed", "kind": "signal", "on": {"type": "page.viewed"}},
        {"id": "taken", "kind": "signal", "on": {"type": "paper.taken"}},
    ]
    both = {"id": "both", "kind": "composite", "of": [{"rule": "viewed"}, {"rule": "taken"}],
            "within": "1d", "when": {"at_least": 2}}  # fmt: skip
    rules = rule_set(*parts, both)
    account = Account().event("0h", "page.viewed")
    first = explain(rules, "both", "acme", account.entries, lateness_ms=0)
    assert notes(first) == ["viewed says firing (match)"]
    assert first.why_not == ("these have said nothing: taken",)
    account.event("1h", "paper.taken")
    second = explain(rules, "both", "acme", account.entries, lateness_ms=0)
    assert told(second) == [("firing", "match")]


def test_what_finishes_under_an_older_version_is_open_too() -> None:
    old = rule_set({**SLA, "id": "desk"})
    new = rule_set({**SLA, "id": "desk", "goal": {"within": "9h"}, "on_change": "finish"})
    story = Story(old).event("0h", "ticket.opened", ticket="T-1")
    story.partition.activate(new)
    partition = story.partition
    (standing,) = standing_of(new, "desk", partition.accounts["acme"], partition.context)
    assert standing.text == f"finishes under an older version, of rule set {old.digest[:12]}"
    assert standing.next == START + timedelta(hours=2)


def test_an_alert_in_the_cooldown_is_told_as_one_that_is_not_announced() -> None:
    rule = {"kind": "signal", "on": {"type": "page.viewed"}, "alert": {"cooldown": "1h"}}
    account = Account().event("0h", "page.viewed").event("10m", "page.viewed")
    first, second = account.explained(**rule).moments
    assert [(t.state, t.step) for t in first.told] == [("firing", "match")]
    assert (second.told, [note.text for note in second.notes]) == (
        (),
        ["an alert is not announced: the cooldown after the one before is not over"],
    )
