"""The simulator: the same arguments give the same events, and what is planted is really there."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from models.alert import State
from models.event import CloudEvent, Event, place, to_ms
from rules.loader import load
from rules.partition import Partition
from rules.ruleset import compile_rules
from streams.demo.tally import RULES
from streams.plots import PLOTS
from streams.settings import Settings
from streams.simulator import START, cast, simulate

DAYS = 28
ACCOUNTS = 3 * len(PLOTS)  # each plot in each time zone
SEEDS = range(5)


def life(seed: int, account: str) -> list[CloudEvent]:
    return [e for e in simulate(seed, ACCOUNTS, START, DAYS) if e.subject == account]


def played_by(name: str) -> list[str]:
    return [account for account, plot in cast(ACCOUNTS).items() if plot.name == name]


def test_the_seed_decides() -> None:
    once, again, other = (list(simulate(s, 40, START, DAYS)) for s in (7, 7, 8))
    assert once == again
    assert once != other


def test_events_are_sorted_and_have_ids_of_their_own() -> None:
    events = list(simulate(7, 40, START, DAYS))
    assert all(a.time <= b.time for a, b in pairwise(events))
    assert len({(event.source, event.id) for event in events}) == len(events)


def test_seeds_do_not_share_ids() -> None:
    first, second = ({event.id for event in simulate(s, 20, START, DAYS)} for s in (1, 2))
    assert not first & second


def test_an_account_lives_the_same_life_among_many_and_few() -> None:
    few = list(simulate(7, 20, START, DAYS))
    many = [e for e in simulate(7, 60, START, DAYS) if e.subject in cast(20)]
    assert few == many


def test_events_stay_within_the_days() -> None:
    for event in simulate(7, ACCOUNTS, START, DAYS):
        assert event.accounttz is not None
        local = event.time.astimezone(ZoneInfo(event.accounttz)).date()
        assert START <= local < START + timedelta(days=DAYS)


def test_too_few_days_for_a_trial_are_refused() -> None:
    with pytest.raises(ValueError, match="14 days are too few"):
        list(simulate(7, 20, START, 14))
    assert list(simulate(7, 20, START, 15))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_paper_is_the_very_next_event_after_the_comparison(seed: int) -> None:
    for account in played_by("compares, then takes the paper"):
        events = life(seed, account)
        place = next(i for i, e in enumerate(events) if e.data.get("document", "").endswith("per"))
        compare, paper = events[place - 1 : place + 1]
        assert (compare.data["page"], paper.data["document"]) == (
            "competitor-compare",
            "security-whitepaper",
        )
        assert compare.data["dwell_s"] > 180
        assert paper.time - compare.time < timedelta(minutes=10)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_silent_trial_has_a_rep_at_work_but_no_customer(seed: int) -> None:
    for account in played_by("trial silent and left"):
        used = [e.actorkind for e in life(seed, account) if e.type == "feature.used"]
        assert used == ["rep"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trial_used_at_the_end_of_day_11_is_used_within_the_day(seed: int) -> None:
    for account in played_by("trial used at the end of day 11"):
        events = life(seed, account)
        start = next(e.time for e in events if e.type == "trial.started")
        used = next(e.time for e in events if e.type == "feature.used" and e.actorkind != "rep")
        assert (used.date() - start.date()).days == 11


@pytest.mark.parametrize("seed", SEEDS)
def test_contracts_come_in_working_hours_of_the_legal_desk(seed: int) -> None:
    for event in simulate(seed, ACCOUNTS, START, DAYS):
        if event.type == "contract.revision_received":
            local = event.time.astimezone(ZoneInfo("Asia/Shanghai"))
            assert local.weekday() < 5
            assert 9 <= local.hour < 12


def test_every_plot_is_played_and_every_signal_has_a_near_miss() -> None:
    assert {plot.name for plot in cast(ACCOUNTS).values()} == {plot.name for plot in PLOTS}
    told = {(plot.signal, plot.fires) for plot in PLOTS if plot.signal}
    assert len(told) == 2 * len({signal for signal, _ in told}) == 10


def test_times_carry_the_offset_of_the_account() -> None:
    noon = datetime(2026, 3, 20, 12, tzinfo=ZoneInfo("America/New_York"))
    offsets = {e.time.utcoffset() for e in life(7, "account-0002") if e.time > noon}
    assert offsets == {timedelta(hours=-4)}, "summer time began on 8 March"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rules_of_the_demo_find_what_is_planted_and_nothing_else(seed: int) -> None:
    settings = Settings()
    rules = compile_rules(load(settings.rules, settings.calendars))
    partition = Partition(rules, topic="interactions", partition=0, lateness_ms=10_000)
    outputs = []
    for offset, event in enumerate(simulate(seed, ACCOUNTS, START, DAYS)):
        placed = Event(**{name: getattr(event, name) for name in event.__struct_fields__})
        outputs += partition.advance(place(placed, offset))
    outputs += partition.tick(to_ms(datetime(2026, 4, 30, tzinfo=ZoneInfo("UTC"))))
    fired = [(o.alert.account, o.alert.rule.id) for o in outputs if o.alert.state is State.FIRING]
    planted = {
        (account, rule)
        for account, plot in cast(ACCOUNTS).items()
        if plot.signal is not None and plot.fires
        for rule in RULES[plot.signal]
    }
    assert set(fired) == planted
