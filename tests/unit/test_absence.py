"""Stories of `absence` rules."""

from __future__ import annotations

from typing import Any

from tests.story import Story, rule_set

TRIAL: dict[str, Any] = {
    "kind": "absence",
    "anchor": {"type": "trial.started"},
    "expect": {"type": "feature.used"},
    "until": {"type": "trial.ended"},
    "deadline": {"after": "11d"},
}
DAY_11 = {"day_number": 11, "tz": "account"}


def story(**fields: Any) -> Story:
    return Story(rule_set({**TRIAL, **fields}))


def test_silence_fires_once() -> None:
    s = story().event("0h", "trial.started").tick("11d").tick("12d")
    assert s.told == [("firing", "due", "11 days, 0:00:00")]


def test_used_in_time_is_silent_and_the_anchor_is_spent() -> None:
    s = story().event("0h", "trial.started").event("10d", "feature.used").tick("40d")
    assert s.told == []


def test_until_cancels_quietly() -> None:
    s = story().event("0h", "trial.started").event("10d", "trial.ended").tick("40d")
    assert s.told == []


def test_use_after_the_alert_resolves_it() -> None:
    s = story().event("0h", "trial.started").tick("11d").event("12d", "feature.used")
    assert [state for state, _, _ in s.told] == ["firing", "resolved"]


def test_resolve_on_never_keeps_quiet() -> None:
    s = story(alert={"resolve_on": "never"}).event("0h", "trial.started").tick("11d")
    s.event("12d", "feature.used")
    assert [state for state, _, _ in s.told] == ["firing"]


def test_since_last_moves_with_each_use_and_goes_on_after_an_alert() -> None:
    s = story(measure="since_last", deadline={"after": "3d"})
    s.event("0h", "trial.started").event("2d", "feature.used").tick("4d")
    assert s.told == []
    s.tick("5d").event("6d", "feature.used").tick("9d").event("10d", "trial.ended").tick("40d")
    assert s.told == [
        ("firing", "due", "5 days, 0:00:00"),
        ("resolved", "stop", "6 days, 0:00:00"),
        ("firing", "due", "9 days, 0:00:00"),
        ("expired", "cancel", "10 days, 0:00:00"),
    ]


def test_day_number_counts_local_days_of_the_account() -> None:
    shanghai = story(deadline=DAY_11).event("0h", "trial.started", zone="2026-01-01T00:00:00+08:00")
    # 17:00 on 2 March in Shanghai; day 11 ends at midnight of the 14th there, 16:00 UTC of the 13th
    assert shanghai.tick("12d").told == [("firing", "due", "11 days, 7:00:00")]


def test_the_account_s_own_zone_wins_over_the_offset() -> None:
    s = (
        story(deadline=DAY_11)
        .event("0h", "trial.started", accounttz="America/New_York")
        .tick("13d")
    )
    # summer time begins on 8 March 2026: midnight of the 14th is 04:00 UTC
    assert s.told == [("firing", "due", "11 days, 19:00:00")]


def test_on_day_takes_answers_of_that_day_only() -> None:
    on_day = {"measure": "on_day", "deadline": {"day_number": 2, "tz": "UTC"}}
    early = story(**on_day).event("0h", "trial.started").event("1d", "feature.used").tick("9d")
    assert [state for state, _, _ in early.told] == ["firing"]
    that_day = story(**on_day).event("0h", "trial.started").event("40h", "feature.used").tick("9d")
    assert that_day.told == []


def test_business_days_end_at_the_same_local_time() -> None:
    three_days = {"after": "3bd", "calendar": "office"}
    # Monday; Wednesday is a holiday: Tuesday, Thursday, Friday 10:00
    s = story(deadline=three_days).event("1h", "trial.started").tick("9d")
    assert s.told == [("firing", "due", "4 days, 1:00:00")]
    # from the opening on it is three whole days, which are over when Thursday closes
    s = story(deadline=three_days).event("0h", "trial.started").tick("9d")
    assert s.told == [("firing", "due", "3 days, 9:00:00")]
