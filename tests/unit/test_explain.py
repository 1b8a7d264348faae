"""`explain`: stories of one account, and what each of its events did to the rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rules.explaining.moments import Forgotten
from tests.story import START, Story, rule_set
from tests.unit.explained import SLA, Account, notes, told

SEQUENCE = {
    "kind": "sequence",
    "steps": [
        {
            "as": "compare",
            "type": "page.viewed",
            "where": 'data.page == "vs" && data.dwell_s > 180',
        },
        {"as": "paper", "type": "paper.taken"},
    ],
    "within": "10m",
}
ABSENCE = {
    "kind": "absence",
    "anchor": {"type": "trial.started"},
    "expect": {"type": "feature.used"},
    "deadline": {"day_number": 3, "tz": "UTC"},
    "measure": "on_day",
}


def compared(at: str = "0s") -> Account:
    return Account().event(at, "page.viewed", page="vs", dwell_s=200)


def test_a_match_is_told_step_by_step() -> None:
    explanation = compared().event("9m", "paper.taken").explained(**SEQUENCE)
    assert notes(explanation) == ["compare begins a match", "takes paper, step 2 of 2"]
    assert told(explanation) == [("firing", "match")]
    assert (explanation.fired, explanation.why_not, explanation.standing) == (True, (), ())


def test_a_step_out_of_time_says_by_how_much() -> None:
    explanation = compared().event("12m", "paper.taken").explained(**SEQUENCE)
    assert explanation.why_not[0] == (
        "paper.taken at 2026-03-02 09:12:00+00:00: paper came 12m after compare, within is 10m"
    )


def test_a_condition_shows_the_values_that_it_saw() -> None:
    account = Account().event("0s", "page.viewed", page="vs", dwell_s=90)
    explanation = account.event("1m", "page.viewed", page="vs").explained(**SEQUENCE)
    (first,) = explanation.moments[0].roles
    assert (first.role, first.matched) == ("compare", False)
    assert [(term.text, term.holds, term.seen) for term in first.terms] == [
        ('data.page == "vs"', True, {"data.page": "vs"}),
        ("data.dwell_s > 180", False, {"data.dwell_s": 90}),
    ]
    assert explanation.why_not == (
        "page.viewed at 2026-03-02 09:00:00+00:00: it is not the compare event:"
        " data.dwell_s > 180 (data.dwell_s is 90) does not hold",
        "page.viewed at 2026-03-02 09:01:00+00:00: it is not the compare event:"
        " data.dwell_s > 180 (data.dwell_s is not there) does not hold",
    )


def test_nothing_that_the_rule_reads_has_come() -> None:
    explanation = Account().event("0s", "mail.opened").explained(**SEQUENCE)
    assert explanation.moments == ()
    assert explanation.why_not == ("no event came that it reads: page.viewed, paper.taken",)


@pytest.mark.parametrize(
    ("account", "rule", "obstacle"),
    [
        (Account().event("0s", "paper.taken"), {},
         "nothing waits for paper: compare has not come, or has been used"),
        (compared("1m").event("30s", "paper.taken"), {}, "paper came 30s before compare"),
        (compared().event("1s", "mail.opened").event("2s", "paper.taken"),
         {"contiguity": "strict"},
         "paper came with 1 other event in between, contiguity is strict"),
        (compared().event("1m", "paper.taken"), {"gap": {"min": "2m"}},
         "paper came 1m after compare, gap.min is 2m"),
        (compared().event("5m", "paper.taken"), {"gap": {"max": "5m"}},
         "paper came 5m after compare, gap.max is 5m"),
        (compared().passed("11m").event("9m", "paper.taken"), {},
         "paper came when its time was up by the clock (1m ago)"),
        (compared().event("1m", "demo.cancelled").event("2m", "paper.taken"),
         {"without": {"type": "demo.cancelled"}},
         "nothing waits for paper: compare has not come, or has been used"),
    ],
)  # fmt: skip
def test_why_a_sequence_did_not_go_on(
    account: Account, rule: dict[str, Any], obstacle: str
) -> None:
    rule = dict(rule)
    compare, paper = SEQUENCE["steps"]
    gap = {"gap": rule.pop("gap")} if "gap" in rule else {}
    explanation = account.explained(**{**SEQUENCE, "steps": [compare, {**paper, **gap}], **rule})
    assert [reason for reason in explanation.why_not if reason.endswith(f"00: {obstacle}")]
    assert not explanation.fired


def test_without_says_what_it_ended() -> None:
    account = compared().event("1m", "demo.cancelled")
    explanation = account.explained(**SEQUENCE, without={"type": "demo.cancelled"})
    assert notes(explanation)[-1] == "`without` ends 1 partial match"


def test_a_partial_match_waits_until_its_time_is_up() -> None:
    (standing,) = compared().explained(**SEQUENCE).standing
    assert standing.next == START + timedelta(minutes=10)
    assert standing.text == (
        "compare was at 2026-03-02 09:00:00+00:00, step 1 of 2; waits for paper (paper.taken)"
        " until 2026-03-02 09:10:00+00:00"
    )
    (over,) = compared().passed("10m").explained(**SEQUENCE).standing
    assert (over.next, "its time was up at 2026-03-02 09:10" in over.text) == (None, True)


def opened(at: str = "0s") -> Account:
    return Account().event(at, "ticket.opened", ticket="T-1")


def test_a_breach_by_the_clock_is_a_moment_of_its_own() -> None:
    explanation = opened().passed("3h").explained(**SLA)
    assert [moment.what for moment in explanation.moments] == ["ticket.opened", "time passed"]
    assert told(explanation) == [("firing", "due")]
    (standing,) = explanation.standing
    assert standing.key == '{"data.ticket":"T-1"}'
    assert standing.text.endswith("; it has fired, which is told once")


def test_an_answer_in_time_says_how_early_it_was() -> None:
    account = opened().event("90m", "ticket.answered", "rep", ticket="T-1")
    explanation = account.explained(**SLA)
    assert explanation.standing == ()
    assert explanation.why_not == (
        "ticket.answered at 2026-03-02 10:30:00+00:00: answers the case of"
        " 2026-03-02 09:00:00+00:00, 30m before it was due",
    )


@pytest.mark.parametrize(
    ("account", "last"),
    [
        (opened().event("3h", "ticket.answered", "rep", ticket="T-1"),
         "answers the case of 2026-03-02 09:00:00+00:00, 1h after it was due"),
        (opened().event("1h", "ticket.closed", ticket="T-1"),
         "cancels the case of 2026-03-02 09:00:00+00:00, 1h before it was due"),
        (opened().event("1h", "ticket.answered", "rep", ticket="T-2"),
         "it changes nothing: no case waits for it"),
        (opened().event("1h", "ticket.answered", "rep"), "not read: it carries no data.ticket"),
        (opened().event("1h", "ticket.answered", "rep", id="e0", ticket="T-1"),
         "a repeat: an event with this source and id was there before"),
        (opened().event("1h", "info.asked", ticket="T-1"), "the clock stops"),
        (opened().event("1h", "info.asked", ticket="T-1").event("3h", "info.given", ticket="T-1"),
         "the clock goes on, due at 2026-03-02 13:00:00+00:00"),
        (opened().passed("20h").event("30m", "ticket.answered", "rep", ticket="T-1"),
         "answers the case of 2026-03-02 09:00:00+00:00, 12h after it was due"),
    ],
)  # fmt: skip
def test_what_an_event_did_to_a_case(account: Account, last: str) -> None:
    assert notes(account.explained(**SLA))[-1] == last


def test_a_second_start_begins_anew_or_nothing() -> None:
    account = opened().event("1h", "ticket.opened", ticket="T-1")
    anew = "a new beginning supersedes the case of 2026-03-02 09:00:00+00:00, 1h before it was due"
    assert notes(account.explained(**SLA))[1:] == [
        anew, "a case begins, due at 2026-03-02 12:00:00+00:00"
    ]  # fmt: skip
    ignored = account.explained(**SLA, restart="ignore")
    assert notes(ignored)[-1] == "a case is open already, so nothing begins (restart: ignore)"


def test_a_late_event_says_where_it_counts() -> None:
    account = opened().passed("20h").event("30m", "ticket.answered", "rep", ticket="T-1")
    assert notes(account.explained(**SLA))[1] == (
        "it is 19h 30m late, 6h are accepted: it counts at 2026-03-02 23:00:00+00:00"
    )


def test_a_stale_feed_holds_and_is_named() -> None:
    explanation = opened().feed(stale=True).passed("3h").explained(**SLA)
    assert [moment.what for moment in explanation.moments][1:] == ["feed desk went stale"]
    (standing,) = explanation.standing
    assert standing.text.endswith("; it is held, since a feed is stale: desk")
    back = opened().feed(stale=True).passed("3h").feed(stale=False).explained(**SLA)
    assert told(back) == [("firing", "due")]


def test_an_open_case_names_its_next_deadline() -> None:
    explanation = opened().explained(**SLA, warn_at=[0.5])
    assert explanation.next_deadline == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert explanation.why_not == tuple(standing.text for standing in explanation.standing)
    paused = opened().event("1h", "info.asked", ticket="T-1").explained(**SLA)
    assert paused.next_deadline is None
    assert "the clock stands since 2026-03-02 10:00" in paused.standing[0].text


def test_a_stop_before_the_day_that_counts() -> None:
    account = Account().event("0s", "trial.started").event("1d", "feature.used")
    assert notes(account.explained(**ABSENCE))[-1] == (
        "it comes before the day that counts (measure: on_day)"
    )


def test_a_calendar_that_ends_leaves_no_deadline() -> None:
    rule = {**SLA, "goal": {"within": "400bd", "calendar": "office"}}
    found = notes(opened().explained(**rule))
    assert found == [
        "the engine counted fault:rule-0:calendar_year_missing",
        "a case begins, and it has no deadline: the calendar does not reach so far",
    ]


def test_an_erased_account_begins_anew() -> None:
    account = opened()
    account.entries.append(Forgotten())
    explanation = account.explained(**SLA)
    assert explanation.moments[-1].what == "the account was erased"
    assert explanation.standing == ()


def test_a_rule_that_does_not_run_is_not_explained() -> None:
    with pytest.raises(KeyError):
        opened().explained(**SLA, status="draft")


def test_what_is_explained_is_what_the_engine_says() -> None:
    """Looking changes nothing: the alerts are those of a partition that nobody watches."""

    def lines() -> Iterator[tuple[str, str, str]]:
        yield "0s", "ticket.opened", "T-1"
        yield "1h", "ticket.opened", "T-2"
        yield "150m", "ticket.answered", "T-1"
        yield "4h", "mail.opened", "T-1"

    story, account = Story(rule_set(SLA)), Account()
    for at, type, ticket in lines():
        story.event(at, type, actorkind="rep", ticket=ticket)
        account.event(at, type, "rep", ticket=ticket)
    assert told(account.explained(**SLA)) == [(s, step) for s, step, _ in story.told]
