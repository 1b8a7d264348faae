"""Stories of `sla` rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.story import Story, rule_set

SLA: dict[str, Any] = {
    "kind": "sla",
    "start": {"type": "contract.revised"},
    "stop": {"type": "legal.replied"},
    "goal": {"within": "2h"},
}


def story(**fields: Any) -> Story:
    return Story(rule_set({**SLA, **fields}))


def test_no_answer_fires_at_the_deadline_by_the_clock_alone() -> None:
    told = story().event("0h", "contract.revised").tick("2h").told
    assert told == [("firing", "due", "2:00:00")]


def test_an_answer_in_time_is_silent() -> None:
    s = story().event("0h", "contract.revised").event("1h", "legal.replied").tick("9h")
    assert s.told == []


def test_an_answer_at_exactly_the_deadline_is_late() -> None:
    s = story().event("0h", "contract.revised").event("2h", "legal.replied")
    assert s.told == [("firing", "due", "2:00:00"), ("resolved", "stop", "2:00:00")]


def test_a_breach_waits_for_the_clock_and_lateness() -> None:
    s = Story(rule_set(SLA), lateness="10s")
    s.event("0h", "contract.revised").event("2h", "other.thing")
    assert s.told == []
    s.tick("2h")
    assert s.told == [("firing", "due", "2:00:00")]


def test_a_late_answer_retracts() -> None:
    s = story().event("0h", "contract.revised").tick("3h").event("1h", "legal.replied")
    assert s.told == [("firing", "due", "2:00:00"), ("retracted", "retract", "1:00:00")]
    fired, retracted = (o.alert for o in s.outputs)
    assert fired.fingerprint == retracted.fingerprint
    assert fired.alert_id != retracted.alert_id


def test_a_late_answer_beyond_the_horizon_resolves() -> None:
    s = story(late={"accept": "30m"}).event("0h", "contract.revised").tick("3h")
    s.event("1h", "legal.replied")
    assert s.told[-1] == ("resolved", "stop", "2:30:00")


def test_late_ignore_never_retracts() -> None:
    s = story(late={"on_late": "ignore"}).event("0h", "contract.revised").tick("3h")
    s.event("1h", "legal.replied")
    assert s.told[-1] == ("resolved", "stop", "3:00:00")


def test_a_pause_moves_the_deadline() -> None:
    pausing = {"pause": {"type": "info.asked"}, "resume": {"type": "info.given"}}
    s = story(**pausing).event("0h", "contract.revised").event("1h", "info.asked").tick("9h")
    assert s.told == []
    s.event("10h", "info.given").tick("11h")
    assert s.told == [("firing", "due", "11:00:00")]


def test_warnings_and_escalation_are_states_of_one_alert() -> None:
    s = story(
        warn_at=[0.5, 0.75],
        owner="legal",
        escalate=[{"after": "0h", "to": "lead"}, {"after": "4h", "to": "coo"}],
    )
    s.event("0h", "contract.revised").tick("1h").tick("7h").event("8h", "legal.replied")
    assert s.told == [
        ("pending", "warn:0.5", "1:00:00"),
        ("pending", "warn:0.75", "1:30:00"),
        ("firing", "due", "2:00:00"),
        ("firing", "escalate:coo", "6:00:00"),
        ("resolved", "stop", "8:00:00"),
    ]
    assert len({o.alert.fingerprint for o in s.outputs}) == 1
    assert [o.alert.owner for o in s.outputs] == ["legal", "legal", "lead", "coo", "legal"]


def test_a_second_revision_opens_another_episode() -> None:
    s = story().event("0h", "contract.revised").event("1h", "contract.revised").tick("2h")
    assert s.told == []
    s.tick("3h").event("4h", "contract.revised").event("5h", "legal.replied").tick("9h")
    assert s.told == [("firing", "due", "3:00:00"), ("resolved", "stop", "5:00:00")]


def test_restart_ignore_keeps_the_first_clock() -> None:
    s = story(restart="ignore")
    s.event("0h", "contract.revised").event("1h", "contract.revised").tick("2h")
    assert s.told == [("firing", "due", "2:00:00")]


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("1h", []),
        ("2h", [("firing", "due", "2:00:00"), ("expired", "cancel", "2:00:00")]),
    ],
)
def test_cancel_is_quiet_before_the_deadline_and_ends_the_alert_after(
    at: str, told: list[tuple[str, str, str]]
) -> None:
    s = story(cancel={"type": "deal.closed"})
    s.event("0h", "contract.revised").event(at, "deal.closed").tick("9h")
    assert s.told == told


def test_business_time_skips_lunch_night_and_holiday() -> None:
    s = Story(rule_set({**SLA, "goal": {"within": "10bh", "calendar": "office"}}))
    s.event("2h", "contract.revised")  # Monday 11:00: 1 + 5 today, 3 + 1 tomorrow until 14:00
    s.tick("30h")
    assert s.told == [("firing", "due", "1 day, 5:00:00")]


def test_instances_by_key_do_not_touch_each_other() -> None:
    s = story(key=["data.contract"])
    s.event("0h", "contract.revised", contract="a").event("0h", "contract.revised", contract="b")
    s.event("1h", "legal.replied", contract="a").event("1h", "legal.replied").tick("2h")
    assert [o.alert.key for o in s.outputs] == [{"data.contract": "b"}]


def test_a_stale_feed_holds_and_tells_once() -> None:
    s = story(feeds={"crm": {"max_stale": "90m"}}).event("0h", "contract.revised")
    s.feed("crm", "90m", stale=True, lead=True).tick("3h")
    assert [(o.alert.kind, o.alert.state) for o in s.outputs] == [("feed", "firing")]
    s.feed("crm", "90m", stale=False, lead=True)
    assert [(o.alert.kind, o.alert.state) for o in s.outputs[1:]] == [
        ("feed", "resolved"),
        ("sla", "firing"),
    ]


def test_a_repeat_is_dropped() -> None:
    s = story().event("0h", "contract.revised", id="same").event("1h", "legal.replied")
    s.event("0h", "contract.revised", id="same").tick("9h")
    assert s.told == []
    assert s.partition.stats["repeated"] == 1


def test_a_breach_is_told_even_when_its_answer_comes_before_the_clock() -> None:
    s = Story(rule_set({**SLA, "warn_at": [0.5]}), lateness="10s")
    s.event("0h", "contract.revised").event("61m", "other.thing").event("120m", "legal.replied")
    assert [state for state, _, _ in s.told] == ["pending"]
    s.event("3h", "other.thing")
    assert [state for state, _, _ in s.told] == ["pending", "firing", "resolved"]
