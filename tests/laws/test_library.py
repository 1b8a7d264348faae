"""What every rule and calendar that ships must keep, without being named here."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from models.calendar import Calendar
from rules.check import check
from rules.describe import describe
from rules.kinds.registry import COMPILERS
from rules.lint import lint
from rules.loader import load, parse
from rules.membership import below
from rules.roles import roles
from streams.settings import Settings

SETTINGS = Settings()
BOOK = load(SETTINGS.rules, SETTINGS.calendars)
FORMS = {form.id: form for form in BOOK.rules}
TESTS = [(form.id, i) for form in BOOK.rules for i in range(len(form.tests))]
YEARS = [
    (calendar, year)
    for calendar in BOOK.calendars.values()
    for year, form in calendar.form.years.items()
    if form.holidays and not form.provisional
]


@pytest.mark.parametrize(("rule", "number"), TESTS)
def test_the_tests_inside_the_rule_pass(rule: str, number: int) -> None:
    outcome = check(BOOK, [rule])[number]
    assert outcome.passed, str(outcome)


@pytest.mark.parametrize("rule", FORMS)
def test_a_silent_test_is_a_near_miss(rule: str) -> None:
    """It has at least one event that the rule reads."""
    made_of = [FORMS[id] for id in (rule, *below(rule, FORMS))]
    types = {role.trigger.type for form in made_of for role in roles(form)}
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
