"""Features: what a row says of a case, in stories of a few events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import log1p
from typing import Any

import numpy as np
import pytest

from models.calendar import Calendar
from models.errors import BadInput
from models.event import Event, place
from models.learners.case_features import AccountFeatures, Tally
from models.learners.features import Features
from models.learners.workload import ALL, NAMES_MAX, Workload
from models.opening import CalendarForm
from models.task import Task
from tests.story import OFFICE

START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
DAY_MS = 86_400_000


def task(**features: Any) -> Task:
    return Task.model_validate(
        {
            "id": "task",
            "version": "1.0.0",
            "title": "t",
            "starts": [{"where": "true"}],
            "positive": [{"type": "deal.won"}],
            "negative": [{"type": "deal.lost"}],
            "horizon": "30d",
            "score_at": ["page.viewed"],
            "features": features,
        }
    )


def event(at: float, type: str = "page.viewed", **data: Any) -> Event:
    time = START + timedelta(hours=at)
    return place(
        Event(specversion="1.0", id="1", source="//s", type=type, subject="acme", time=time,
              data=data),
        0,
    )  # fmt: skip


class Case:
    """One case of one account."""

    def __init__(self, form: Task, calendar: dict[str, Any] | None = None) -> None:
        self.features = Features(
            form, Calendar(CalendarForm.model_validate(calendar)) if calendar else None
        )
        self.account = AccountFeatures(Tally(0))
        self.workload = self.features.workload()
        self.case = self.features.start(self.account, event(0).at)

    def see(self, *events: Event) -> Case:
        for each in events:
            self.features.advance(self.case, self.account, self.workload, each)
        return self

    def __getitem__(self, name: str) -> float:
        row = self.features.row(
            self.case, self.account, self.workload, name=("acme", "case"), momentum=0.25
        )
        return float(row.values[self.features.schema.names.index(name)])

    @property
    def words(self) -> dict[str, str]:
        row = self.features.row(self.case, self.account, self.workload, name=("acme", "case"))
        return dict(zip(self.features.schema.words, row.words, strict=True))


def test_paces_are_logarithms_of_hours() -> None:
    case = Case(task()).see(event(0), event(2), event(8))

    assert case["hours since the start"] == pytest.approx(log1p(8))
    assert case["hours since the event before"] == pytest.approx(log1p(6))
    assert case["longest gap in hours"] == pytest.approx(log1p(6))
    assert case["hours between events"] == pytest.approx(log1p(4))
    assert case["4 hours past the start"] == 1
    assert case["12 hours past the start"] == 0


def test_counts_fade_by_half_in_their_half_life() -> None:
    case = Case(task(types=["page.viewed"], half_lives=["2h"]))
    case.see(event(0), event(2), event(4, "call.made"))

    assert case["page.viewed: count"] == pytest.approx(log1p(2))
    assert case["page.viewed: count fading by 2h"] == pytest.approx(log1p(0.75))
    assert case["page.viewed: nearness"] == pytest.approx(1 / 3)


def test_types_without_a_column_share_some() -> None:
    case = Case(task(types=["page.viewed"])).see(event(0, "call.made"), event(1, "call.made"))

    shared = [case[f"other types, {i} of 4: count"] for i in range(1, 5)]

    assert sorted(shared) == pytest.approx([0, 0, 0, log1p(2)])
    assert case["page.viewed: count"] == 0


def test_the_same_events_in_another_order_are_other_transitions() -> None:
    one = Case(task()).see(event(0, "a.b"), event(1, "c.d"), event(2, "e.f"))
    other = Case(task()).see(event(0, "c.d"), event(1, "a.b"), event(2, "e.f"))

    assert one.case.steps != other.case.steps
    assert one.words["transition"] == "c.d > e.f"


def test_numbers_are_not_known_until_an_event_has_one() -> None:
    case = Case(task(numbers=["data.amount"])).see(event(0, amount="many"))
    assert np.isnan(case["data.amount"])

    case.see(event(1, amount=99), event(2), event(3, amount=True), event(4, amount=1e300))
    assert case["data.amount"] == pytest.approx(log1p(99))


def test_a_category_is_the_latest_and_its_changes_are_counted() -> None:
    case = Case(task(words=["data.team"]))
    case.see(event(0, team="red"), event(1), event(2, team="blue"), event(3, team="blue"))

    assert case.words["data.team"] == "blue"
    assert case["changes of data.team"] == pytest.approx(log1p(1))


def test_load_is_the_work_of_all_cases_of_the_resource() -> None:
    case = Case(task(load=["data.team"], half_lives=["1d"])).see(event(0, team="red"))
    case.workload.add(0, "red", event(0).at)
    case.workload.add(0, "blue", event(0).at)

    assert case["load of data.team, fading by 1d"] == pytest.approx(log1p(2))
    assert case["load of every data.team, fading by 1d"] == pytest.approx(log1p(3))


def test_an_event_that_comes_late_counts_at_the_newest() -> None:
    case = Case(task()).see(event(5), event(3))

    assert case["hours since the start"] == pytest.approx(log1p(5))
    assert case["hours since the event before"] == 0
    assert case["events so far"] == pytest.approx(log1p(2))


def test_business_time_stands_still_at_night() -> None:
    case = Case(task(calendar="office"), OFFICE).see(event(0), event(14))

    assert case["business hours since the start"] == pytest.approx(log1p(8))
    assert case["within business hours"] == 0


def test_business_time_of_a_year_that_the_calendar_lacks_is_not_known() -> None:
    case = Case(task(calendar="office"), OFFICE).see(event(24 * 365))

    assert np.isnan(case["business hours since the start"])


def test_the_account_remembers_all_its_cases() -> None:
    case = Case(task(half_lives=["1d"])).see(event(0), event(1))
    case.case = case.features.start(case.account, event(25).at)
    case.see(event(25))

    assert case["cases of the account"] == pytest.approx(log1p(2))
    assert case["events of the account"] == pytest.approx(log1p(3))
    assert case["events of the account, fading by 1d"] == pytest.approx(
        log1p(2**-1 + 2 ** (-25 / 24) + 1)
    )


def test_momentum_is_a_column_when_the_task_asks_for_it() -> None:
    assert Case(task(momentum=True)).see(event(0))["momentum"] == 0.25
    assert "momentum" not in Case(task()).features.schema.names


def test_the_schema_is_another_when_a_feature_is() -> None:
    schemas = [
        Features(task(types=types, half_lives=halves)).schema.hash
        for types in (["a.b"], ["c.d"])
        for halves in (["1d"], ["2d"])
    ]
    assert len(set(schemas)) == 4


def test_the_name_that_was_silent_longest_leaves_the_workload() -> None:
    load = Workload(("data.team",), (DAY_MS,))
    for i in range(NAMES_MAX):
        load.add(0, f"team-{i}", at=i)
    load.add(0, "team-0", at=NAMES_MAX)
    load.add(0, "newcomer", at=NAMES_MAX)

    assert load.of(0, "team-0", NAMES_MAX)[0] > 1
    assert load.of(0, "team-1", NAMES_MAX) == [0.0]
    assert load.of(0, ALL, NAMES_MAX)[0] > NAMES_MAX / 2
    assert load.evicted > 0


def test_the_workload_of_another_task_is_refused() -> None:
    load = Workload(("data.team",), (DAY_MS,))
    for other in (Workload((), (DAY_MS,)), Workload(("data.team",), (1,))):
        with pytest.raises(BadInput, match="bad_workload"):
            load.restore(other.dump())
    with pytest.raises(BadInput, match="bad_workload"):
        load.restore(b"\xc1")
