"""The life of a case: what starts it, when it is scored, how it ends; and it cannot see ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert import Alert, RuleRef, State
from models.event import Event, place
from models.learners.open_case import TaskAccount
from models.task import Task
from rules import scoring
from rules.scoring import Censored, End, Matured, Scored, Scoring, Told
from rules.task_replay import TaskReplay
from tests.story import START, ms, rule_set

TICKETS = {
    "id": "breach",
    "version": "1.0.0",
    "title": "Late",
    "case": ["data.ticket"],
    "starts": [{"type": "ticket.opened"}],
    "positive": [{"type": "ticket.closed", "where": "data.late"}],
    "negative": [{"type": "ticket.closed"}],
    "horizon": "10d",
    "score_at": ["ticket.opened", "ticket.touched", "ticket.closed"],
    "features": {"types": ["ticket.opened", "ticket.touched"], "numbers": ["data.size"]},
    "minimum": {"cases": 2, "positives": 1, "negatives": 1},
}
HOUR = timedelta(hours=1)
offsets = count()


def event(hour: float, type: str, account: str = "acme", **data: Any) -> Event:
    made = Event(specversion="1.0", id=f"e{next(offsets)}", source="//test", type=type,
                 time=START + hour * HOUR, subject=account, data=data)  # fmt: skip
    return place(made, 0)


def hour(hours: float) -> int:
    return ms("1h") + round((hours - 1) * 3_600_000)


class Case:
    """One account of one task, and what was told of it; horizons come as the events come."""

    def __init__(self, **changes: Any) -> None:
        self.scoring = Scoring(Task.model_validate({**TICKETS, **changes}))
        self.state = TaskAccount()
        self.workload = self.scoring.features.workload()
        self.told: list[Told] = []

    def event(self, hour_: float, type: str, **data: Any) -> Case:
        self.told += self.scoring.expire(self.state, hour(hour_))
        happened = event(hour_, type, **data)
        self.told += self.scoring.advance("acme", self.state, happened, self.workload)
        return self

    def alert(self, hour_: float, state: str = "firing", **key: Any) -> Case:
        said = Alert(
            alert_id="a", fingerprint="f", key={f"data.{k}": v for k, v in key.items()},
            state=State(state), step="due", kind="sla", severity="info", account="acme", why="w",
            rule=RuleRef("slow", "1.0.0", "d"), occurred_at=START + hour_ * HOUR,
        )  # fmt: skip
        self.told += self.scoring.hear(self.state, said)
        return self

    @property
    def labels(self) -> list[tuple[int, int]]:
        return [(told.label, told.at) for told in self.told if isinstance(told, Matured)]

    @property
    def scored(self) -> list[int]:
        return [told.row.moment for told in self.told if isinstance(told, Scored)]


def test_a_ticket_is_scored_until_it_is_closed_and_not_at_the_event_that_decides_it() -> None:
    case = Case().event(0, "ticket.opened", ticket="T1").event(2, "ticket.touched", ticket="T1")
    case.event(3, "ticket.seen", ticket="T1").event(5, "ticket.closed", ticket="T1", late=True)
    assert case.scored == [hour(0), hour(2)]
    assert case.labels == [(1, hour(5))]
    assert case.state.cases == {}


def test_where_both_labels_match_the_case_is_positive() -> None:
    case = Case()
    for name, late in (("T1", True), ("T2", False)):
        case.event(0, "ticket.opened", ticket=name).event(
            1, "ticket.closed", ticket=name, late=late
        )
    assert case.labels == [(1, hour(1)), (0, hour(1))]


def test_cases_of_one_account_are_told_apart_by_their_key() -> None:
    case = Case().event(0, "ticket.opened", ticket="T1").event(1, "ticket.opened", ticket="T2")
    case.event(2, "ticket.touched", ticket="T1").event(3, "ticket.closed", ticket="T2")
    assert len({t.row.case for t in case.told if isinstance(t, Scored)}) == 2
    [ended] = [told for told in case.told if isinstance(told, Matured)]
    assert "T2" in ended.case
    assert list(case.state.cases) == ['{"data.ticket":"T1"}']


def test_an_event_without_key_or_before_the_start_belongs_to_no_case() -> None:
    case = Case().event(0, "ticket.opened").event(1, "ticket.touched", ticket="T1")
    case.event(2, "ticket.closed", ticket="T1")
    assert case.told == []


def test_a_key_that_comes_again_is_another_case() -> None:
    case = Case()
    for at in (0, 10):
        case.event(at, "ticket.opened", ticket="T1").event(at + 1, "ticket.closed", ticket="T1")
    assert len({told.case for told in case.told if isinstance(told, Matured)}) == 2


def test_beyond_the_horizon_a_case_is_censored_not_negative() -> None:
    case = Case().event(0, "ticket.opened", ticket="T1").event(240, "ticket.closed", ticket="T1")
    assert case.labels == []
    [censored] = [told for told in case.told if isinstance(told, Censored)]
    assert (censored.reason, censored.at) == (End.HORIZON, hour(240))


def test_silence_until_the_horizon_can_be_what_is_predicted() -> None:
    silence = {"case": [], "starts": [{"where": "true"}], "positive": [], "horizon": "24h",
               "negative": [{"where": "true"}], "at_horizon": "positive"}  # fmt: skip
    case = Case(**silence).event(0, "ticket.touched").event(5, "ticket.touched")
    case.event(50, "ticket.touched")
    assert case.labels == [(0, hour(5)), (1, hour(29))]
    assert case.scored == [hour(0), hour(5), hour(50)], "an event ends a case and starts the next"


def test_an_alert_of_a_rule_can_be_the_label() -> None:
    expired = {"alert": "slow", "state": "expired"}
    by_alert = {"positive": [{"alert": "slow"}], "negative": [expired, {"type": "ticket.closed"}]}
    case = Case(**by_alert)
    for number, name in enumerate(("T1", "T2", "T3")):
        case.event(number, "ticket.opened", ticket=name)
    case.alert(4, ticket="T1").alert(5, "expired", ticket="T2").alert(6, "resolved", ticket="T3")
    case.alert(7, ticket="T9").alert(8, other="T3")
    assert case.labels == [(1, hour(4)), (0, hour(5))]
    case.event(9, "ticket.closed", ticket="T3")
    assert case.labels[2:] == [(0, hour(9))]


def test_beyond_its_bound_the_oldest_case_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "CASES_MAX", 2)
    case = Case()
    for number in range(3):
        case.event(number, "ticket.opened", ticket=f"T{number}")
    [censored] = [told for told in case.told if isinstance(told, Censored)]
    assert "T0" in censored.case
    assert censored.reason is End.EVICTED


TYPES = ("ticket.opened", "ticket.touched", "ticket.seen", "ticket.closed")
happenings = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(TYPES), st.sampled_from(("T1", "T2")),
              st.integers(0, 9)),
    max_size=25,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(happenings, happenings)
def test_what_was_told_does_not_depend_on_what_comes_after(
    past: list[tuple[int, str, str, int]], future: list[tuple[int, str, str, int]]
) -> None:
    """Rows, labels and horizons up to an instant, with two different futures behind it."""

    def told(happened: list[tuple[int, str, str, int]]) -> list[Any]:
        case = Case()
        for at, type, ticket, size in happened:
            case.event(at, type, ticket=ticket, size=size)
        return [
            (t.row.case, t.row.moment, t.row.values.tolist(), t.row.words)
            if isinstance(t, Scored) else t
            for t in case.told
        ]  # fmt: skip

    past = sorted(past)
    later = [(at + 401, *rest) for at, *rest in sorted(future)]
    alone = told(past)
    assert str(told(past + later)[: len(alone)]) == str(alone)


def test_over_a_log_horizons_come_when_the_clock_of_all_accounts_has_reached_them() -> None:
    replay = TaskReplay(Task.model_validate(TICKETS), None, rule_set())
    replay.advance(event(0, "ticket.opened", "acme", ticket="T1"))
    replay.advance(event(1, "ticket.opened", "umbra", ticket="T2"))
    assert (replay.open, replay.model.pending, replay.model.censored) == (2, 2, 0)
    replay.advance(event(240, "ticket.seen", "other"))
    assert (replay.open, replay.model.pending, replay.model.censored) == (1, 1, 1)
    replay.advance(event(240.5, "ticket.closed", "umbra", ticket="T2", late=True))
    [verdict] = replay.model.verdicts
    assert (verdict.label, verdict.since, verdict.at) == (1, hour(1), hour(240.5))
    assert verdict.said == (None,), "too few data to say anything"


def test_over_a_log_the_alerts_of_its_rules_are_heard() -> None:
    """An sla on the ticket breaches at its deadline, between two events of others."""
    sla = {
        "id": "slow", "kind": "sla", "key": ["data.ticket"], "severity": "error",
        "start": {"type": "ticket.opened"}, "stop": {"type": "ticket.closed"},
        "goal": {"within": "4h"},
    }  # fmt: skip
    task = {**TICKETS, "positive": [{"alert": "slow"}], "negative": [{"type": "ticket.closed"}]}
    replay = TaskReplay(Task.model_validate(task), None, rule_set(sla))
    for name in ("T1", "T2"):
        replay.advance(event(0, "ticket.opened", "acme", ticket=name))
    replay.advance(event(1, "ticket.closed", "acme", ticket="T1"))
    replay.advance(event(9, "ticket.touched", "acme", ticket="T2"))
    assert [(v.label, v.at) for v in replay.model.verdicts] == [(0, hour(1)), (1, hour(4))]
    assert replay.open == 0


def test_an_event_that_is_sent_twice_counts_once() -> None:
    replay = TaskReplay(Task.model_validate(TICKETS), None, rule_set())
    opened = event(0, "ticket.opened", "acme", ticket="T1")
    for _ in range(3):
        replay.advance(opened)
    [case] = replay.model._open.values()
    assert len(case.rows) == 1
    assert datetime.fromtimestamp(case.since / 1000, UTC) == START
