"""The demo's pure parts: what it sends, and what it concludes from what it reads."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from streams.demo.feed import BROKEN, CLOSE_AFTER, WEEK, Feed, close, load_feed
from streams.demo.summary import Summary, summary_json
from streams.demo.tally import RULES, AlertSeen, EvidenceSeen, RuleSeen, Tally
from streams.demo.worker import Figures, parse_figures
from streams.plots import PLOTS
from streams.simulator import cast
from streams.sources.service_desk import load


@pytest.fixture(scope="module")
def feed() -> Feed:
    return load_feed(7)


def alert(
    rule: str = "r", account: str = "acme", state: str = "firing", step: str = "due", id: str = ""
) -> AlertSeen:
    evidence = [EvidenceSeen("start", 1), EvidenceSeen("end", 9), EvidenceSeen("middle", 5)]
    alert_id = id or f"{rule}/{account}/{state}"
    return AlertSeen(alert_id, account, "sla", RuleSeen(rule), state, step, evidence)


def told(accounts: int, *, leave_out: int = 0) -> Tally:
    """A tally that was told all that is planted, or less."""
    tally = Tally()
    fires = [(a, plot.signal) for a, plot in cast(accounts).items() if plot.fires and plot.signal]
    for account, signal in fires[leave_out:]:
        for rule in RULES[signal]:
            tally.add_alert(alert(rule, account), 0)
    return tally


def test_the_feed_is_one_log_in_order_of_time(feed: Feed) -> None:
    assert all(a.time <= b.time for a, b in pairwise(feed.events))
    assert len({(event.source, event.id) for event in feed.events}) == len(feed.events)


def test_the_log_keeps_weekdays_and_hours_and_ends_with_the_simulation(feed: Feed) -> None:
    desk = [event for event in feed.events if event.source.endswith("/service-desk")]
    moved = {now.time - then.time for now, then in zip(desk, load(), strict=True)}
    assert moved == {feed.weeks * WEEK}
    assert timedelta(0) <= feed.events[-1].time - desk[-1].time < WEEK


@pytest.mark.parametrize("partitions", [1, 4, 7])
def test_every_partition_is_closed_once_and_after_all_deadlines(
    feed: Feed, partitions: int
) -> None:
    last = close(feed, partitions)
    assert len({event.subject for event in last}) == partitions
    assert {event.time for event in last} == {feed.span[1] + CLOSE_AFTER}


def test_latency_is_from_append_to_read_of_what_an_event_caused() -> None:
    tally = Tally()
    tally.add_sent("end", 1_000)
    tally.add_alert(alert(step="match", id="1"), 1_040)
    tally.add_alert(alert(step="stop", id="2"), 1_200)
    tally.add_alert(alert(step="due", id="3"), 9_000)
    assert tally.latency() == (40, 200, 2)


def test_without_an_alert_there_is_no_latency() -> None:
    assert Tally().latency() is None


def test_an_alert_that_comes_twice_is_counted_once_and_told() -> None:
    tally = Tally()
    for _ in range(2):
        tally.add_alert(alert(), 0)
    assert (tally.alerts.total(), tally.repeated) == (1, 1)


def test_all_that_was_planted_was_found() -> None:
    planted = told(len(PLOTS)).planted(cast(len(PLOTS)))
    assert planted.is_right
    assert planted.found == planted.signals > 5


def test_one_planted_signal_that_is_missing_is_seen() -> None:
    planted = told(len(PLOTS), leave_out=1).planted(cast(len(PLOTS)))
    assert planted.found == planted.signals - 1
    assert not planted.is_right


def test_a_near_miss_that_fires_is_seen() -> None:
    misses = {a: p.signal for a, p in cast(len(PLOTS)).items() if not p.fires and p.signal}
    account, signal = next(iter(misses.items()))
    tally = told(len(PLOTS))
    tally.add_alert(alert(next(iter(RULES[signal])), account), 0)
    assert tally.planted(cast(len(PLOTS))).false == 1


def test_a_near_miss_that_is_only_warned_of_is_right() -> None:
    tally = told(len(PLOTS))
    tally.add_alert(alert("contract.legal-reply-2bh", "account-0007", "pending", "warn:0.5"), 0)
    assert tally.planted(cast(len(PLOTS))).is_right


@pytest.mark.parametrize("fault", ["none", "planted", "dead letters", "twice"])
def test_a_summary_is_right_only_when_nothing_is_wrong(feed: Feed, fault: str) -> None:
    tally = told(100, leave_out=fault == "planted")
    tally.sent_s = 10.0
    tally.dead_letters = Counter() if fault == "dead letters" else Counter(BROKEN.keys())
    tally.repeated = int(fault == "twice")
    assert summary_json(Summary(feed, tally, 20.0))["right"] is (fault == "none")


def test_figures_are_sums_over_partitions() -> None:
    text = """
pathline_events_total{agent="ingest",outcome="applied"} 7.0
pathline_events_total{agent="ingest",outcome="rejected"} 1.0
pathline_events_total{agent="follow",outcome="applied"} 4.0
pathline_events_total{agent="follow",outcome="repeated"} 2.0
pathline_alerts_total{rule="r",state="firing"} 3.0
pathline_lag_records{agent="ingest",partition="0"} 5.0
pathline_lag_records{agent="follow",partition="1"} 6.0
pathline_deadlines_overdue{agent="follow",partition="1"} 2.0
"""
    assert parse_figures(text) == Figures(8, 7, 6, alerts=3, lag=11, overdue=2)
