"""Stories of `signal` rules."""

from __future__ import annotations

from tests.story import Story, rule_set

BASE = {"kind": "signal", "on": {"type": "page.viewed", "where": 'data.page == "cancel"'}}


def test_each_event_that_matches_is_told() -> None:
    s = Story(rule_set(BASE))
    s.event("0h", "page.viewed", page="cancel").event("1h", "page.viewed", page="prices")
    s.event("2h", "page.viewed", page="cancel")
    assert s.told == [("firing", "match", "0:00:00"), ("firing", "match", "2:00:00")]
    first, second = (output.alert for output in s.outputs)
    assert (first.kind, s.outputs[0].topic) == ("signal", "signals")
    assert first.fingerprint != second.fingerprint


def test_an_event_without_the_key_is_not_read() -> None:
    s = Story(rule_set({**BASE, "key": ["data.seat"]})).event("0h", "page.viewed", page="cancel")
    assert s.told == []
    s.event("1h", "page.viewed", page="cancel", seat=7)
    assert s.outputs[0].alert.key == {"data.seat": 7}


def test_the_sentence_shows_the_event() -> None:
    s = Story(rule_set({**BASE, "why": "{{account}} saw {{on.data.page}}"}))
    s.event("0h", "page.viewed", page="cancel")
    assert s.outputs[0].alert.why == "acme saw cancel"


def test_a_shadow_rule_speaks_on_the_shadow_topic_alone() -> None:
    s = Story(rule_set({**BASE, "status": "shadow"})).event("0h", "page.viewed", page="cancel")
    assert [output.topic for output in s.outputs] == ["shadow-alerts"]


def test_it_remembers_nothing() -> None:
    s = Story(rule_set(BASE)).event("0h", "page.viewed", page="cancel")
    assert s.partition.accounts["acme"].cases == {}


def test_a_text_that_is_too_long_tells_no_cases_apart() -> None:
    s = Story(rule_set({**BASE, "key": ["data.seat"]}))
    s.event("0h", "page.viewed", page="cancel", seat="x" * 256)
    s.event("1h", "page.viewed", page="cancel", seat="x" * 257)
    s.event("2h", "page.viewed", page="cancel", seat=["x"])
    assert [told[2] for told in s.told] == ["0:00:00"]
