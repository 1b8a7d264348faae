"""The service desk log: state changes become events, and nothing of a ticket's future does."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest

from models.errors import BadInput
from models.event import CloudEvent
from streams.sources.service_desk import COLUMNS, DATA, load, parse

ROW = {
    "number": "0000045",
    "ident_state": "New",
    "reassignment_count": "0",
    "reopen_count": "0",
    "caller_id": "2403",
    "opened_at": "1/3/2016 09:00",
    "sys_updated_at": "1/3/2016 09:05",
    "category": "55",
    "priority": "3",
    "assignment_group": "56",
}
FUTURE = {
    "closed_at": "5/3/2016 12:00",
    "resolved_at": "29/2/2016 11:29",
    "closed_code": "5",
    "resolved_by": "149",
    "made_sla": "true",
    "knowledge": "true",
}


def ticket(*changes: dict[str, str], **every: str) -> list[CloudEvent]:
    """A ticket's rows, each given by what differs from the row before."""
    events: list[CloudEvent] = []
    row: dict[str, str] | None = None
    for change in changes:
        before, row = row, (row or {**ROW, **every}) | change
        events += parse(row, before)
    return events


def told(events: list[CloudEvent]) -> list[tuple[str, str]]:
    return [(event.type, f"{event.time:%d %H:%M}") for event in events]


def test_a_ticket_is_opened_responded_resolved_and_closed() -> None:
    events = ticket(
        {},
        {"ident_state": "Active", "sys_updated_at": "1/3/2016 09:40"},
        {"ident_state": "Resolved", "sys_updated_at": "1/3/2016 11:00"},
        {"ident_state": "Closed", "sys_updated_at": "6/3/2016 11:00"},
    )
    assert told(events) == [
        ("incident.opened", "01 09:00"),
        ("incident.responded", "01 09:40"),
        ("incident.resolved", "01 11:00"),
        ("incident.closed", "06 11:00"),
    ]
    assert {event.subject for event in events} == {"caller-2403"}
    assert [event.actorkind for event in events] == ["customer", "rep", "rep", "rep"]
    assert events[0].data == {
        "ticket": "0000045",
        "priority": 3,
        "category": "category-55",
        "group": "group-56",
    }


def test_solved_at_the_first_look_is_a_response_too() -> None:
    events = ticket({"ident_state": "Resolved"})
    assert told(events) == [
        ("incident.opened", "01 09:00"),
        ("incident.responded", "01 09:05"),
        ("incident.resolved", "01 09:05"),
    ]


def test_a_change_that_tells_nothing_is_no_event() -> None:
    assert len(ticket({}, {}, {"priority": "2"}, {"category": "?"})) == 1


def test_handed_to_another_group_and_then_to_none() -> None:
    events = ticket(
        {},
        {"assignment_group": "70", "reassignment_count": "1"},
        {"assignment_group": "?", "reassignment_count": "2"},
    )
    assert [(e.type, e.data.get("from_group"), e.data.get("group")) for e in events[1:]] == [
        ("incident.reassigned", "group-56", "group-70"),
        ("incident.reassigned", "group-70", None),
    ]


def test_reopened_and_solved_again_has_ids_of_its_own() -> None:
    events = ticket(
        {"ident_state": "Resolved"},
        {"ident_state": "Active", "reopen_count": "1"},
        {"ident_state": "Resolved"},
        {"ident_state": "Closed"},
    )
    assert [event.id for event in events] == [
        "0000045-opened-0",
        "0000045-responded-0",
        "0000045-resolved-0",
        "0000045-reopened-1",
        "0000045-resolved-1",
        "0000045-closed-1",
    ]


def test_a_row_before_the_opening_counts_at_the_opening() -> None:
    events = ticket({"ident_state": "Active", "sys_updated_at": "1/3/2016 07:14"})
    assert told(events) == [("incident.opened", "01 09:00"), ("incident.responded", "01 09:00")]


def test_the_future_of_a_ticket_never_reaches_an_event() -> None:
    rows: tuple[dict[str, str], ...] = ({}, {"ident_state": "Active"}, {"ident_state": "Resolved"})
    assert ticket(*rows, **FUTURE) == ticket(*rows)
    assert not set(FUTURE) & set(COLUMNS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"opened_at": "2016-03-01 09:00"}, "time_invalid"),
        ({"opened_at": "3/31/2016 09:00"}, "time_invalid"),
        ({"priority": "high"}, "not_a_count"),
        ({"reopen_count": ""}, "not_a_count"),
        ({"caller_id": "?"}, "no_account"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(change: dict[str, str], reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(ROW | change, None)
    assert caught.value.reason == reason


def test_a_bad_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, [ROW, ROW | {"sys_updated_at": "soon"}])
    with pytest.raises(BadInput, match=r"log\.csv\.gz:3: sys_updated_at is 'soon'"):
        load(path)


def test_a_missing_column_is_told_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, [{name: ROW[name] for name in COLUMNS if name != "caller_id"}])
    with pytest.raises(BadInput, match=r"log\.csv\.gz:1: no column caller_id"):
        load(path)


def test_the_shipped_log() -> None:
    events = load()
    assert events == load()
    assert len({event.id for event in events}) == len(events)
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert events[0].time == datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    assert {event.source.rpartition("/")[2] for event in events} == {"service-desk"}


def test_every_shipped_ticket_has_a_whole_story() -> None:
    by_ticket: dict[str, Counter[str]] = {}
    for event in load():
        by_ticket.setdefault(event.data["ticket"], Counter())[event.type] += 1
    assert len(by_ticket) >= 2_000
    for counts in by_ticket.values():
        assert counts["incident.opened"] == counts["incident.responded"] == 1
        assert counts["incident.closed"] >= 1


def test_the_shipped_file_is_small_and_holds_the_needed_columns_only() -> None:
    with gzip.open(DATA, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert DATA.stat().st_size < 250_000
    tickets = [number for number, _ in groupby(rows, key=lambda row: row["number"])]
    assert len(tickets) == len(set(tickets)), "the rows of a ticket stand together"


def write(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "log.csv.gz"
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
