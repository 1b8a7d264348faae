"""Stories of `composite` rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.errors import BadRule
from rules.loader import parse
from rules.snapshot import encode_account
from tests.story import COMMON, TESTS, Story, rule_set

DOCS = {"id": "docs", "kind": "signal", "on": {"type": "doc.read"}}
DEMO = {"id": "demo", "kind": "signal", "on": {"type": "demo.seen"}}
REPLY = {
    "id": "reply",
    "kind": "sla",
    "start": {"type": "question.asked"},
    "stop": {"type": "question.answered"},
    "goal": {"within": "2h"},
}
BOTH: dict[str, Any] = {
    "id": "both",
    "kind": "composite",
    "of": [{"rule": "docs", "weight": 0.4}, {"rule": "demo", "weight": 0.6}],
    "within": "10h",
    "when": {"at_least": 2},
}
LATE = {**BOTH, "of": [{"rule": "docs"}, {"rule": "reply"}]}


def story(*rules: dict[str, Any]) -> Story:
    return Story(rule_set(*rules))


def said(s: Story, rule: str = "both") -> list[tuple[str, str]]:
    pairs = zip(s.outputs, s.told, strict=True)
    return [(told[0], told[2]) for output, told in pairs if output.alert.rule.id == rule]


def test_two_hits_within_the_time_fire_and_end_when_one_is_too_old() -> None:
    s = story(DOCS, DEMO, BOTH).event("0h", "doc.read").event("9h", "demo.seen").tick("30h")
    assert said(s) == [("firing", "9:00:00"), ("resolved", "10:00:00")]
    firing = s.outputs[2].alert
    assert [e.type for e in firing.evidence] == ["doc.read", "demo.seen"]


def test_the_time_is_half_open() -> None:
    s = story(DOCS, DEMO, BOTH).event("0h", "doc.read").event("10h", "demo.seen")
    assert said(s) == []


def test_it_comes_after_its_members() -> None:
    s = story(DOCS, DEMO, {**BOTH, "id": "a.both"}).event("0h", "doc.read").event("1h", "demo.seen")
    assert [output.alert.rule.id for output in s.outputs] == ["docs", "demo", "a.both"]


def test_one_rule_that_hits_twice_counts_once() -> None:
    s = story(DOCS, DEMO, BOTH).event("0h", "doc.read").event("1h", "doc.read")
    assert said(s) == []


def test_weights_are_added_and_go_out_with_the_alert() -> None:
    weighed = {**BOTH, "when": {"score": ">= 1"}}
    s = story(DOCS, DEMO, weighed).event("0h", "doc.read").event("1h", "demo.seen")
    assert said(s) == [("firing", "1:00:00")]
    assert s.outputs[-1].alert.score == 1.0


def test_a_hit_by_the_clock_counts() -> None:
    s = story(DOCS, REPLY, LATE).event("0h", "question.asked").event("1h", "doc.read").tick("3h")
    assert said(s) == [("firing", "2:00:00")]


def test_a_hit_that_is_taken_back_takes_the_composite_back() -> None:
    s = story(DOCS, REPLY, LATE).event("0h", "question.asked").event("1h", "doc.read").tick("3h")
    s.event("1h", "question.answered")  # comes late, was in time
    assert said(s) == [("firing", "2:00:00"), ("retracted", "2:00:00")]
    assert len({output.alert.fingerprint for output in s.outputs[-2:]}) == 2


def test_a_hit_that_is_taken_back_no_longer_counts() -> None:
    s = story(DOCS, REPLY, LATE).event("0h", "question.asked").tick("3h")
    s.event("1h", "question.answered").event("4h", "doc.read")
    assert said(s) == []


def test_a_warning_is_no_hit() -> None:
    warned = {**REPLY, "warn_at": [0.5]}
    s = story(DOCS, warned, LATE).event("0h", "question.asked").event("1h", "doc.read").tick("90m")
    assert said(s) == []


def test_members_in_shadow_count() -> None:
    shadow = {**DOCS, "status": "shadow"}
    s = story(shadow, DEMO, BOTH).event("0h", "doc.read").event("1h", "demo.seen")
    assert [output.topic for output in s.outputs] == ["shadow-alerts", "signals", "signals"]


def test_a_composite_in_shadow_speaks_on_the_shadow_topic_alone() -> None:
    s = story(DOCS, DEMO, {**BOTH, "status": "shadow"})
    s.event("0h", "doc.read").event("1h", "demo.seen")
    assert s.outputs[-1].topic == "shadow-alerts"


def test_a_composite_of_a_composite() -> None:
    upper = {**BOTH, "id": "a.upper", "of": [{"rule": "both"}, {"rule": "reply"}]}
    s = story(DOCS, DEMO, REPLY, BOTH, upper).event("0h", "question.asked")
    s.event("1h", "doc.read").event("1h", "demo.seen").tick("3h")
    assert said(s, "a.upper") == [("firing", "2:00:00")]


def test_a_key_tells_instances_apart() -> None:
    keyed = [{**rule, "key": ["data.user"]} for rule in (DOCS, DEMO, BOTH)]
    s = story(*keyed).event("0h", "doc.read", user=1).event("1h", "demo.seen", user=2)
    assert said(s) == []
    s.event("2h", "demo.seen", user=1)
    assert said(s) == [("firing", "2:00:00")]
    assert s.outputs[-1].alert.key == {"data.user": 1}


def test_accounts_are_told_apart() -> None:
    s = story(DOCS, DEMO, BOTH).event("0h", "doc.read").event("1h", "demo.seen", account="other")
    assert said(s) == []


def test_hits_survive_a_checkpoint() -> None:
    rules = (DOCS, DEMO, BOTH)
    s, fresh = story(*rules).event("0h", "doc.read").event("1h", "demo.seen"), story(*rules)
    blobs = [(account.id, encode_account(account)) for account in s.partition.accounts.values()]
    fresh.partition.restore(blobs, s.partition.header())
    assert said(fresh.tick("30h")) == [("resolved", "10:00:00")]


def test_hits_are_bounded_and_the_oldest_gives_way() -> None:
    s = story(DOCS, DEMO, BOTH)
    for second in range(70):
        s.event(f"{second}s", "doc.read")
    (case,) = s.partition.accounts["acme"].cases["both"].values()
    assert len(case.hits) == 64
    assert s.partition.stats["evicted:hit"] == 6


def test_spent_instances_are_forgotten() -> None:
    s = story(DOCS, DEMO, BOTH).event("0h", "doc.read")
    for minute in range(40):
        s.event(f"{1_000 + minute}m", "page.viewed")
    assert "both" not in s.partition.accounts["acme"].cases


def test_a_rule_that_changes_ends_what_stands() -> None:
    s = story(DOCS, DEMO, BOTH).event("0h", "doc.read").event("1h", "demo.seen")
    s.outputs += s.partition.activate(rule_set(DOCS, DEMO, {**BOTH, "within": "5h"}))
    assert said(s)[-1][0] == "expired"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"of": [{"rule": "dmeo"}]}, "no rule 'dmeo'; did you mean 'demo'?"),
        ({"of": [{"rule": "both"}]}, "a circle: both waits for both"),
        ({"of": [{"rule": "again"}]}, "a circle: again waits for both"),
        ({"key": ["data.user"]}, "docs has no data.user in its `key`: its hits do not tell it"),
        ({"of": [{"rule": "docs"}, {"rule": "docs"}]}, "a rule stands twice in `of`"),
        ({"when": {"at_least": 3}}, "asks for more rules than stand in `of`"),
        ({"when": {"at_least": 1, "score": "> 1"}}, "write either `at_least` or `score`"),
        ({"when": {"score": "<= 1"}}, "is met before anything has happened"),
        ({"within": "3bd"}, "wall time is wanted here"),
    ],
)
def test_a_composite_that_cannot_work_is_a_fault(fields: dict[str, Any], message: str) -> None:
    again = {**BOTH, "id": "again", "of": [{"rule": "both"}], "when": {"at_least": 1}}
    rules = [DOCS, DEMO, {**BOTH, "when": {"at_least": 1}, **fields}]
    rules += [again] if "again" in str(fields) else []
    full = [{**COMMON, "tests": TESTS, **rule} for rule in rules]
    content = json.dumps({"v": 1, "rules": full, "calendars": []})
    with pytest.raises(BadRule) as refused:
        parse(content.encode())
    assert message in str(refused.value)
