"""`on_change`: what becomes of open cases when another version of their rule takes over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.errors import BadRule
from rules.handover import VERSIONS_MAX, old_version, with_finishing
from rules.loader import parse
from rules.partition import Partition
from rules.ruleset import RuleSet
from rules.snapshot import encode_account
from tests.story import COMMON, TESTS, Story, ms, rule_set

SLA: dict[str, Any] = {
    "id": "legal",
    "kind": "sla",
    "why": "{{account}} waits for {{start.data.who}}",
    "start": {"type": "contract.revised"},
    "stop": {"type": "legal.replied"},
    "cancel": {"type": "deal.closed"},
    "goal": {"within": "2h"},
}
STEPS = [{"type": "page.viewed"}, {"type": "paper.taken"}]
SEQUENCE: dict[str, Any] = {"id": "paper", "kind": "sequence", "steps": STEPS, "within": "1h"}


def sets(rule: dict[str, Any], way: str, **changes: Any) -> tuple[RuleSet, RuleSet]:
    """The rule as it was, and as it is: version 2, with the changes."""
    new = {**rule, "version": "2.0.0", "on_change": way, **changes}
    return rule_set(rule), rule_set(new)


def activate(story: Story, rules: RuleSet) -> Story:
    story.outputs += story.partition.activate(rules)
    return story


def told(story: Story) -> list[tuple[str, str, str, str]]:
    """(state, step, occurred_at after the start, version)"""
    versions = [output.alert.rule.version for output in story.outputs]
    return [(*said, v) for said, v in zip(story.told, versions, strict=True)]


def opened(rules: RuleSet) -> Story:
    return Story(rules).event("0h", "contract.revised", who="Ann").tick("1h")


def test_by_default_what_has_been_said_expires() -> None:
    old, new = sets({**SLA, "warn_at": [0.5]}, "expire", goal={"within": "5h"})
    story = activate(opened(old), new).tick("9h")
    assert told(story) == [
        ("pending", "warn:0.5", "1:00:00", "1.0.0"),
        ("expired", "rule_changed", "1:00:00", "1.0.0"),
    ]


def test_finish_goes_on_under_the_old_version() -> None:
    old, new = sets(SLA, "finish", goal={"within": "5h"})
    story = activate(opened(old), new).tick("3h").event("4h", "legal.replied")
    assert told(story) == [
        ("firing", "due", "2:00:00", "1.0.0"),
        ("resolved", "stop", "4:00:00", "1.0.0"),
    ]
    assert {output.alert.rule.digest for output in story.outputs} == {old.digest}


def test_finish_begins_nothing_under_the_old_version() -> None:
    old, new = sets(SLA, "finish", goal={"within": "5h"})
    story = activate(opened(old), new).event("1h", "deal.closed")
    story.event("90m", "contract.revised", who="Bob").tick("9h")
    assert told(story) == [("firing", "due", "6:30:00", "2.0.0")]


def test_a_rule_that_is_gone_finishes_too() -> None:
    story = activate(opened(rule_set({**SLA, "on_change": "finish"})), rule_set(SEQUENCE))
    assert told(story.tick("3h")) == [("firing", "due", "2:00:00", "1.0.0")]


def test_accounts_and_keys_are_told_in_their_order_whoever_came_first() -> None:
    keyed = {**SLA, "warn_at": [0.5], "key": ["data.who"]}
    old, new = sets(keyed, "expire", goal={"within": "5h"})
    story = Story(old)
    for account, who in (("b", "Bob"), ("b", "Ann"), ("a", "Cyd")):
        story.event("0h", "contract.revised", account=account, who=who)
    activate(story.tick("1h"), new)
    alerts = [output.alert for output in story.outputs if output.alert.step == "rule_changed"]
    assert [(a.account, a.key["data.who"]) for a in alerts] == [
        ("a", "Cyd"),
        ("b", "Ann"),
        ("b", "Bob"),
    ]


def test_what_finishes_goes_through_the_gates_of_the_version_that_is_active() -> None:
    """A path that the old key lacks is a group of its own."""
    gated = {"key": ["data.who"], "alert": {"group": ["data.who"], "cooldown": "30h"}}
    old, new = sets(SLA, "finish", goal={"within": "5h"}, **gated)
    story = activate(opened(old), new).event("2h", "contract.revised", who="Ann").tick("9h")
    assert [said[1:] for said in told(story)] == [
        ("due", "2:00:00", "1.0.0"),
        ("due", "7:00:00", "2.0.0"),
    ]


def test_a_partial_match_finishes_under_the_old_version() -> None:
    old, new = sets(SEQUENCE, "finish", steps=[STEPS[0], {"type": "demo.booked"}])
    story = activate(Story(old).event("0h", "page.viewed"), new)
    story.event("10m", "page.viewed").event("20m", "demo.booked").event("30m", "paper.taken")
    assert told(story) == [
        ("firing", "match", "0:20:00", "2.0.0"),
        ("firing", "match", "0:30:00", "1.0.0"),
    ]


def test_what_finishes_survives_a_restart() -> None:
    old, new = sets(SLA, "finish", goal={"within": "5h"})
    story = activate(opened(old), new)
    partition = story.partition
    header = json.loads(json.dumps(partition.header()))
    assert list(header["finishing"].values()) == [old.digest]
    blobs = [(account.id, encode_account(account)) for account in partition.accounts.values()]
    rules = with_finishing(new, header["finishing"], lambda id: old_version(old, id))
    story.partition = Partition(rules, topic="interactions", partition=0, lateness_ms=0)
    story.partition.restore(blobs, header)
    assert told(story.tick("3h")) == [("firing", "due", "2:00:00", "1.0.0")]


def test_there_and_back_keeps_each_case_once() -> None:
    """Version 1, 2, 1, 2, each with a case of its own while the others finish."""
    old, new = sets({**SLA, "on_change": "finish"}, "finish", goal={"within": "5h"})
    story = opened(old)
    for at, rules in (("61m", new), ("62m", old), ("63m", new)):
        activate(story, rules).event(at, "contract.revised", who="Ann")
    story.tick("9h")
    assert [said for said in told(story) if said[1] == "due"] == [
        ("firing", "due", "3:02:00", "1.0.0"),
        ("firing", "due", "6:01:00", "2.0.0"),
        ("firing", "due", "6:03:00", "2.0.0"),
    ]


def test_old_versions_are_bounded() -> None:
    goals = [f"{hours}h" for hours in range(10, 12 + VERSIONS_MAX)]
    versions = [rule_set({**SLA, "on_change": "finish", "goal": {"within": w}}) for w in goals]
    story = Story(versions[0])
    for minute, rules in enumerate(versions):
        activate(story, rules).event(f"{minute}m", "contract.revised", who="Ann")
    (account,) = story.partition.accounts.values()
    assert len(account.cases) == VERSIONS_MAX + 1
    assert story.partition.stats["evicted:version"] == 1


def test_nothing_is_kept_of_what_has_finished() -> None:
    old, new = sets(SLA, "finish", goal={"within": "5h"})
    story = activate(opened(old), new).event("90m", "legal.replied").tick("9h")
    for minute in range(40):
        story.event(f"{600 + minute}m", "mail.opened")
    activate(story, rule_set(SLA))
    assert story.partition.rules.finishing == {}


def test_migrate_measures_anew() -> None:
    old, new = sets(SLA, "migrate", goal={"within": "5h"}, warn_at=[0.1])
    story = activate(opened(old), new).tick("9h")
    assert told(story) == [
        ("pending", "warn:0.1", "0:30:00", "2.0.0"),
        ("firing", "due", "5:00:00", "2.0.0"),
    ]
    assert story.outputs[-1].alert.why == "acme waits for Ann"


def test_migrate_to_a_goal_that_has_passed_fires_at_once() -> None:
    old, new = sets(SLA, "migrate", goal={"within": "30m"})
    assert told(activate(opened(old), new)) == [("firing", "due", "0:30:00", "2.0.0")]


def test_migrate_takes_back_what_is_no_breach_any_more() -> None:
    old, new = sets(SLA, "migrate", goal={"within": "5h"})
    story = activate(opened(old).tick("3h"), new).tick("9h")
    assert told(story) == [
        ("firing", "due", "2:00:00", "1.0.0"),
        ("retracted", "retract", "3:00:00", "2.0.0"),
        ("firing", "due", "5:00:00", "2.0.0"),
    ]
    assert len({output.alert.fingerprint for output in story.outputs}) == 1


def test_migrate_says_no_step_twice() -> None:
    """Steps are known by their names: another warning before them moves their numbers."""
    old, new = sets({**SLA, "warn_at": [0.5]}, "migrate", warn_at=[0.25, 0.5])
    story = activate(opened(old), new).tick("9h")
    assert [said[1:] for said in told(story)] == [
        ("warn:0.5", "1:00:00", "1.0.0"),
        ("warn:0.25", "0:30:00", "2.0.0"),
        ("due", "2:00:00", "2.0.0"),
    ]


def test_after_migrate_a_late_event_counts_as_coming_after_what_is_settled() -> None:
    """The pause of 1h is told when those of 2h to 3h are settled: it counts at 3h, until 4h."""
    sla = {**SLA, "pause": {"type": "legal.paused"}, "resume": {"type": "legal.resumed"}}
    old, new = sets(sla, "migrate", goal={"within": "5h"})
    story = opened(old).event("2h", "legal.paused").event("3h", "legal.resumed")
    activate(story, new).event("1h", "legal.paused").event("4h", "legal.resumed").tick("9h")
    assert told(story)[-1][1:3] == ("due", "7:00:00")


def test_migrate_leaves_what_is_closed() -> None:
    old, new = sets(SLA, "migrate", goal={"within": "5h"})
    story = opened(old).tick("3h").event("3h", "legal.replied")
    assert [said[0] for said in told(activate(story, new).tick("9h"))] == ["firing", "resolved"]


def test_migrate_shows_in_the_sentence_what_the_old_one_kept() -> None:
    why = "{{start.data.what}} of {{start.data.who}}"
    old, new = sets(SLA, "migrate", why=why)
    story = activate(opened(old), new).tick("9h")
    assert story.outputs[-1].alert.why == "? of Ann"


def test_a_partial_match_has_the_new_window() -> None:
    old, new = sets(SEQUENCE, "migrate", within="3h")
    story = activate(Story(old).event("0h", "page.viewed"), new).event("2h", "paper.taken")
    assert told(story) == [("firing", "match", "2:00:00", "2.0.0")]
    shorter = sets(SEQUENCE, "migrate", within="10m")
    story = activate(Story(shorter[0]).event("0h", "page.viewed"), shorter[1])
    assert told(story.event("20m", "paper.taken")) == []


@pytest.mark.parametrize(
    "changes",
    [{"key": ["data.who"]}, {"kind": "absence", "anchor": SLA["start"], "expect": SLA["stop"],
     "deadline": {"after": "3h"}}],
)  # fmt: skip
def test_what_cannot_be_measured_anew_expires(changes: dict[str, Any]) -> None:
    new = {**SLA, "on_change": "migrate", **changes}
    if changes.get("kind"):
        for name in ("start", "stop", "cancel", "goal", "why"):
            del new[name]
    story = opened(rule_set({**SLA, "warn_at": [0.5]}))
    assert told(activate(story, rule_set(new)))[-1][:2] == ("expired", "rule_changed")


def test_on_change_alone_changes_nothing() -> None:
    old, new = rule_set(SLA), rule_set({**SLA, "on_change": "finish"})
    story = activate(opened(old), new)
    assert story.partition.rules.finishing == {}
    assert [said[:2] for said in told(story.tick("3h"))] == [("firing", "due")]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"kind": "signal", "on": {"type": "a.b"}, "on_change": "migrate"},
         "`migrate` is for sla, absence and sequence"),
        ({"kind": "absence", "anchor": {"type": "a.b"}, "expect": {"type": "c.d"},
          "deadline": {"after": "3h"}, "measure": "since_last", "on_change": "finish"},
         "a chain of waits (since_last) never finishes"),
        ({**SLA, "on_change": "stay"}, "'stay' is not known"),
    ],
)  # fmt: skip
def test_a_way_that_a_kind_does_not_have_is_refused(rule: dict[str, Any], message: str) -> None:
    full = {**COMMON, "id": "a", "tests": TESTS, **rule}
    with pytest.raises(BadRule) as caught:
        parse(json.dumps({"v": 1, "rules": [full], "calendars": []}).encode())
    assert [f for f in caught.value.faults if "on_change" in f.message and message in f.message]


def test_a_case_under_the_old_version_is_not_of_the_stories_clock() -> None:
    old, new = sets(SLA, "finish", goal={"within": "5h"})
    assert activate(opened(old), new).partition.next_deadline() == ms("2h")
