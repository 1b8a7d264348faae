"""Stories of what is announced: cooldown, repeat, group."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.errors import BadRule
from rules.loader import parse
from rules.snapshot import encode_account
from tests.story import COMMON, OFFICE, TESTS, Story, rule_set

SIGNAL: dict[str, Any] = {"kind": "signal", "on": {"type": "page.viewed"}}
REPLY: dict[str, Any] = {
    "kind": "sla",
    "start": {"type": "question.asked"},
    "stop": {"type": "question.answered"},
    "goal": {"within": "2h"},
}
TICKETS = {**REPLY, "key": ["data.desk", "data.ticket"]}


def story(rule: dict[str, Any], *others: dict[str, Any], **alert: Any) -> Story:
    return Story(rule_set({**rule, "alert": alert}, *others))


def held(s: Story, reason: str) -> int:
    return s.partition.stats[f"suppressed:rule-0:{reason}"]


def test_within_the_cooldown_a_firing_is_counted_not_announced() -> None:
    s = story(SIGNAL, cooldown="4h")
    for hour in (0, 1, 3, 4, 7, 8):
        s.event(f"{hour}h", "page.viewed")
    assert [told[2] for told in s.told] == ["0:00:00", "4:00:00", "8:00:00"]
    assert held(s, "cooldown") == 3


def test_a_cooldown_is_that_of_an_account_and_key() -> None:
    s = story({**SIGNAL, "key": ["data.page"]}, cooldown="4h")
    s.event("0h", "page.viewed", page=1).event("1h", "page.viewed", page=2)
    s.event("2h", "page.viewed", page=1).event("2h", "page.viewed", page=1, account="other")
    assert [(o.alert.account, o.alert.key["data.page"]) for o in s.outputs] == [
        ("acme", 1),
        ("acme", 2),
        ("other", 1),
    ]


def test_an_alert_that_was_held_back_has_no_end_either() -> None:
    s = story(REPLY, cooldown="20h").event("0h", "question.asked").tick("3h")
    s.event("4h", "question.answered").event("5h", "question.asked").tick("8h")
    s.event("9h", "question.answered")
    assert s.told == [("firing", "due", "2:00:00"), ("resolved", "stop", "4:00:00")]
    assert (held(s, "cooldown"), held(s, "silent")) == (1, 1)


def test_what_was_announced_goes_on_through_the_cooldown() -> None:
    s = Story(rule_set({**REPLY, "warn_at": [0.5], "alert": {"cooldown": "20h"}}))
    s.event("0h", "question.asked").tick("3h")
    assert [told[1] for told in s.told] == ["warn:0.5", "due"]


def test_a_retraction_lifts_the_cooldown() -> None:
    s = story(REPLY, cooldown="20h").event("0h", "question.asked").tick("3h")
    s.event("1h", "question.answered").event("4h", "question.asked").tick("7h")
    assert [told[0] for told in s.told] == ["firing", "retracted", "firing"]


def test_a_firing_alert_is_said_again_until_it_ends() -> None:
    s = story(REPLY, repeat="3h").event("0h", "question.asked")
    for hour in range(1, 10):
        s.tick(f"{hour}h")
    s.event("9h", "question.answered").tick("30h")
    assert s.told == [
        ("firing", "due", "2:00:00"),
        ("firing", "repeat:1", "5:00:00"),
        ("firing", "repeat:2", "8:00:00"),
        ("resolved", "stop", "9:00:00"),
    ]
    assert len({output.alert.fingerprint for output in s.outputs}) == 1
    assert len({output.alert.alert_id for output in s.outputs}) == 4
    assert {o.alert.evidence for o in s.outputs[:3]} == {s.outputs[0].alert.evidence}


def test_of_repetitions_that_pass_at_once_the_last_is_said() -> None:
    s = story(REPLY, repeat="3h").event("0h", "question.asked").tick("2h").tick("15h")
    assert s.told == [("firing", "due", "2:00:00"), ("firing", "repeat:4", "14:00:00")]


def test_a_repetition_can_wait_for_the_office_to_open() -> None:
    s = story(REPLY, repeat="1bd", calendar="office").event("0h", "question.asked")
    for hour in range(2, 80):
        s.tick(f"{hour}h")
    assert [told[1:] for told in s.told] == [
        ("due", "2:00:00"),  # Monday, 11:00
        ("repeat:1", "1 day, 2:00:00"),
        ("repeat:2", "3 days, 2:00:00"),  # Wednesday is a holiday
    ]


def test_the_end_of_one_alert_does_not_silence_another() -> None:
    s = story({**REPLY, "cancel": {"type": "question.withdrawn"}}, repeat="10h")
    s.event("0h", "question.asked").tick("3h")
    s.event("5h", "question.asked").tick("8h")
    s.event("4h", "question.withdrawn")  # late: it ends the first, whose repetition was next
    assert s.told[-1] == ("expired", "cancel", "4:00:00")
    assert s.tick("18h").told[-1] == ("firing", "repeat:1", "17:00:00")


def test_repetitions_survive_a_checkpoint() -> None:
    s, fresh = (story(REPLY, repeat="3h") for _ in range(2))
    s.event("0h", "question.asked").tick("2h")
    blobs = [(account.id, encode_account(account)) for account in s.partition.accounts.values()]
    fresh.partition.restore(blobs, s.partition.header())
    assert fresh.tick("5h").told == [("firing", "repeat:1", "5:00:00")]
    assert fresh.outputs == s.tick("5h").outputs[1:]


def test_a_repetition_is_no_hit() -> None:
    made = {"id": "z.made", "kind": "composite", "of": [{"rule": "rule-0"}], "within": "1h"}
    s = story(REPLY, {**made, "when": {"at_least": 1}}, repeat="3h").event("0h", "question.asked")
    for hour in range(2, 7):
        s.tick(f"{hour}h")
    own = [o.alert.step for o in s.outputs if o.alert.rule.id == "z.made"]
    assert own == ["match", "over"]


def test_what_is_held_back_is_a_hit() -> None:
    made = {"id": "z.made", "kind": "composite", "of": [{"rule": "rule-0"}], "within": "1h"}
    s = story(SIGNAL, {**made, "when": {"at_least": 1}}, cooldown="9h").event("0h", "page.viewed")
    s.event("2h", "page.viewed")
    assert [o.alert.step for o in s.outputs] == ["match", "match", "over", "match"]
    assert [o.alert.rule.id for o in s.outputs] == ["rule-0", *["z.made"] * 3]


def test_one_alert_stands_for_a_group() -> None:
    s = story(TICKETS, group=["data.desk"])
    for ticket, desk in ((1, "a"), (2, "a"), (3, "b")):
        s.event("0h", "question.asked", ticket=ticket, desk=desk)
    s.tick("3h")
    assert [o.alert.key["data.ticket"] for o in s.outputs] == [1, 3]
    s.event("4h", "question.answered", ticket=2, desk="a")  # nothing of it was said
    s.event("5h", "question.answered", ticket=1, desk="a")
    assert [told[0] for told in s.told] == ["firing", "firing", "resolved"]
    s.event("6h", "question.asked", ticket=4, desk="a").tick("9h")
    assert s.outputs[-1].alert.key["data.ticket"] == 4


def test_a_repetition_is_of_the_set_that_fired_though_another_took_over() -> None:
    s = story(REPLY, repeat="1h").event("0h", "question.asked").tick("2h")
    s.partition.activate(rule_set({**REPLY, "alert": {"repeat": "1h"}}, SIGNAL))
    first, again = [output.alert for output in s.tick("3h").outputs]
    assert (again.step, again.rule) == ("repeat:1", first.rule)


def test_a_rule_that_changes_ends_its_repetitions() -> None:
    s = story(REPLY, repeat="3h").event("0h", "question.asked").tick("2h")
    s.outputs += s.partition.activate(rule_set({**REPLY, "alert": {"repeat": "1h"}}))
    assert [told[:2] for told in s.tick("20h").told] == [
        ("firing", "due"),
        ("expired", "rule_changed"),
    ]


def test_what_was_held_back_stays_silent_when_the_rule_changes() -> None:
    s = story(REPLY, cooldown="20h").event("0h", "question.asked").tick("3h")
    s.event("4h", "question.answered").event("5h", "question.asked").tick("8h")
    s.outputs += s.partition.activate(rule_set(REPLY))
    assert [told[0] for told in s.told] == ["firing", "resolved"]


def test_cooldowns_that_are_over_are_forgotten() -> None:
    s = story(SIGNAL, cooldown="1h").event("0h", "page.viewed")
    for minute in range(40):
        s.event(f"{100 + minute}m", "mail.opened")
    assert s.partition.accounts["acme"].cases == {}


@pytest.mark.parametrize(
    ("rule", "alert", "message"),
    [
        (SIGNAL, {"repeat": "1h"}, "would be repeated for ever"),
        (REPLY, {"repeat": "1h", "resolve_on": "never"}, "would be repeated for ever"),
        (REPLY, {"repeat": "1bd"}, "needs `calendar`"),
        (REPLY, {"repeat": "1h", "calendar": "office"}, "needs `calendar`"),
        (REPLY, {"repeat": "1bd", "calendar": "ofice"}, "no calendar 'ofice'"),
        (REPLY, {"repeat": "0s"}, "a second or more is wanted here"),
        (REPLY, {"cooldown": "0s"}, "a second or more is wanted here"),
        (REPLY, {"cooldown": "2bh"}, "wall time is wanted here"),
        (TICKETS, {"group": ["data.team"]}, "data.team is not in the rule's `key`"),
        ({**SIGNAL, "key": ["data.page"]}, {"group": ["data.page"]}, "needs `cooldown`"),
        (REPLY, {"cooldwon": "1h"}, "did you mean 'cooldown'?"),
    ],
)
def test_what_would_do_nothing_or_never_end_is_a_fault(
    rule: dict[str, Any], alert: dict[str, Any], message: str
) -> None:
    full = {"id": "a.rule", **COMMON, "tests": TESTS, **rule, "alert": alert}
    content = json.dumps({"v": 1, "rules": [full], "calendars": [OFFICE]})
    with pytest.raises(BadRule) as refused:
        parse(content.encode())
    assert message in str(refused.value)
