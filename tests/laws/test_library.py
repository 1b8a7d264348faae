"""What every rule and calendar that ships must keep, without being named here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from models.alert import Alert, State
from models.calendar import Calendar
from models.event import CloudEvent, Event, place
from rules.check import Outcome, check
from rules.describe import describe
from rules.kinds.registry import COMPILERS
from rules.lint import lint
from rules.loader import load, parse
from rules.partition import Partition
from rules.roles import roles
from rules.ruleset import compile_rules
from streams.plots import Signal
from streams.settings import Settings
from streams.simulator import cast, simulate
from streams.sources import service_desk

SETTINGS = Settings()
BOOK = load(SETTINGS.rules, SETTINGS.calendars)
FORMS = {form.id: form for form in BOOK.rules}
OUTCOMES = check(BOOK)
YEARS = [
    (calendar, year)
    for calendar in BOOK.calendars.values()
    for year, form in calendar.form.years.items()
    if form.holidays and not form.provisional
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: f"{o.rule}: {o.test}")
def test_the_tests_inside_the_rule_pass(outcome: Outcome) -> None:
    assert outcome.passed, str(outcome)


@pytest.mark.parametrize("rule", FORMS)
def test_a_silent_test_is_a_near_miss(rule: str) -> None:
    """It has at least one event that the rule reads."""
    types = {role.trigger.type for role in roles(FORMS[rule])}
    for test in FORMS[rule].tests:
        if not test.expect:
            assert types & {event.type for event in test.events}, test.name


@pytest.mark.parametrize("rule", FORMS)
def test_roles_are_called_as_the_engine_calls_them(rule: str) -> None:
    """So a sentence that the loader lets pass is one that the engine can fill."""
    form = FORMS[rule]
    why = " ".join(f"{{{{{role.name}.data.field}}}}" for role in roles(form))
    form = form.model_copy(update={"why": why})
    compiled = COMPILERS[form.kind](form, BOOK.calendars, BOOK.digest)
    assert {role.trigger.type for role in roles(form)} == compiled.types


@pytest.mark.parametrize("rule", FORMS)
def test_a_rule_can_be_said_in_words(rule: str) -> None:
    words = " ".join(text for _, text in describe(BOOK, rule))
    for role in roles(FORMS[rule]):
        assert role.trigger.type in words


def test_lint_finds_nothing() -> None:
    retention_ms = round(SETTINGS.interactions_retention_d * 86_400_000)
    found = [str(f) for f in lint(BOOK, retention_ms) if f.level == "finding"]
    assert found == []


def test_the_published_content_reads_back() -> None:
    assert parse(BOOK.content).rules == BOOK.rules


@pytest.mark.parametrize(("calendar", "year"), YEARS, ids=lambda x: str(getattr(x, "id", x)))
def test_make_up_days_fall_on_weekends(calendar: Calendar, year: int) -> None:
    for day in calendar.form.years[year].workdays:
        assert day.weekday() >= 5


@pytest.mark.parametrize(("calendar", "year"), YEARS, ids=lambda x: str(getattr(x, "id", x)))
def test_a_year_has_as_many_working_days_as_the_law_leaves(calendar: Calendar, year: int) -> None:
    """Moving days off (调休) adds none: weekdays less the statutory holidays, 13 since 2025."""
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365 + (year % 4 == 0))]
    exceptions = calendar.form.exceptions()
    worked = sum(bool(exceptions.get(day, day.weekday() < 5)) for day in days)
    statutory = 13 if year >= 2025 else 11
    assert worked == sum(day.weekday() < 5 for day in days) - statutory


def told(events: Iterable[CloudEvent], until: timedelta) -> list[Alert]:
    """What the library says about events as they come, and when time has passed after them."""
    partition = Partition(compile_rules(BOOK), topic="test", partition=0, lateness_ms=10_000)
    alerts: list[Alert] = []
    for offset, event in enumerate(events):
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        outputs = partition.advance(place(Event(**fields), offset))
        alerts += [output.alert for output in outputs]
    end = partition.clock + until // timedelta(milliseconds=1)
    alerts += [output.alert for output in partition.tick(end)]
    assert not [name for name in partition.stats if name.startswith(("evicted:", "fault:"))]
    return alerts


SPOKEN: dict[Signal, tuple[str, ...]] = {
    "competitor-then-paper": ("buying.compare-then-security-paper",),
    "silent-trial": ("trial.silent-to-day-11",),
    "contract-unanswered": ("contract.legal-reply-2bh", "contract.legal-reply-2h"),
    "second-inquiry": ("quote.second-legal-inquiry",),
    "slow-service": ("service.first-reply-4h",),
}


@pytest.mark.parametrize("seed", range(3))
def test_the_rules_say_exactly_what_the_simulator_planted(seed: int) -> None:
    accounts = 60
    alerts = told(simulate(seed, accounts, date(2026, 3, 2), 28), until=timedelta(days=15))
    breaches = [a for a in alerts if a.state == State.FIRING and not a.step.startswith("escalate")]
    planted = [
        (account, rule)
        for account, plot in cast(accounts).items()
        if plot.signal and plot.fires
        for rule in SPOKEN[plot.signal]
    ]
    assert sorted((alert.account, alert.rule.id) for alert in breaches) == sorted(planted)


def test_first_responses_of_the_real_service_desk_are_late_where_the_log_says_so() -> None:
    events = service_desk.load()
    times: dict[str, dict[str, list[CloudEvent]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        times[event.data["ticket"]][event.type].append(event)
    late = set()
    for ticket, by_type in times.items():
        (opened,) = by_type["incident.opened"]
        answers = by_type["incident.responded"] + by_type["incident.closed"]
        if all(answer.time - opened.time >= timedelta(hours=4) for answer in answers):
            late.add(ticket)
    alerts = told(events, until=timedelta(days=30))
    spoken = Counter(a.rule.id for a in alerts if a.state == State.FIRING)
    fired = {
        a.key["data.ticket"]
        for a in alerts
        if a.rule.id == "incident.first-response-4h" and a.state == State.FIRING
    }
    assert fired == late
    assert 0 < len(late) < len(times)
    assert all(spoken[rule] for rule in FORMS if rule.startswith("incident."))
