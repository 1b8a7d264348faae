"""The log of an IT service desk -> CloudEvents: the real feed of the demo, ahead of the raw topic.

A row of the log is a ticket as it stood after one change (UCI incident event log, DOI
10.24432/C57S4H; the extract and its licence lie in `streams/data`). Two rows that follow each other
in a ticket tell what happened:

    incident.opened      the ticket's first row; time: `opened_at`
    incident.responded   the state is not New any more: somebody works on it, or solved it at once
    incident.reassigned  `reassignment_count` rose: it was handed to another group, or to none
    incident.reopened    the state left Resolved or Closed for another one
    incident.resolved    the state became Resolved
    incident.closed      the state became Closed

Only columns that were true when the row was written are read. `resolved_at`, `closed_at`,
`closed_code`, `resolved_by` and `knowledge` are filled in backwards from the ticket's end, and
`made_sla` tells the outcome: none of them may reach an event. Times are day first, have whole
minutes and name no zone: they are taken as UTC. A row is never earlier than the ticket's opening (a
few say so, by a slip of the clock): it counts at the opening then.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.errors import BadInput
from models.event import CloudEvent

DATA = Path(__file__).resolve().parent.parent / "data" / "service_desk.csv.gz"
SOURCE = "//demo/service-desk"
COLUMNS = (
    "number",
    "ident_state",
    "reassignment_count",
    "reopen_count",
    "caller_id",
    "opened_at",
    "sys_updated_at",
    "category",
    "priority",
    "assignment_group",
)
UNKNOWN = "?"
DONE = ("Resolved", "Closed")

Row = Mapping[str, str]


def load(path: Path = DATA) -> list[CloudEvent]:
    """All events of a log, sorted by time; ties keep the order of the file.

    The file has the rows of a ticket one after the other, in the order in which they were written.
    Raises BadInput with file, line and what is wrong.
    """
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise BadInput("columns_missing", f"{path.name}:1: no column {', '.join(missing)}")
        try:
            events = [event for before, row in _pairs(reader) for event in parse(row, before)]
        except BadInput as error:
            where = f"{path.name}:{reader.line_num}"
            raise BadInput(error.reason, f"{where}: {error.detail}") from None
    return sorted(events, key=lambda event: event.time)


def parse(row: Row, before: Row | None) -> list[CloudEvent]:
    """What a row says that the ticket's row before it (None: there is none) did not.

    Ids follow from the ticket and its own counters, so the same log gives the same ids.
    Raises BadInput when a value cannot be used.

    >>> row = {"number": "0000045", "ident_state": "New", "reassignment_count": "0",
    ...        "reopen_count": "0", "caller_id": "2403", "opened_at": "29/2/2016 01:16",
    ...        "sys_updated_at": "29/2/2016 01:23", "category": "55", "priority": "3",
    ...        "assignment_group": "56"}
    >>> later = row | {"ident_state": "Resolved", "sys_updated_at": "29/2/2016 08:53"}
    >>> [(event.type, event.id, f"{event.time:%H:%M}") for event in parse(later, row)]
    [('incident.responded', '0000045-responded-0', '08:53'), \
('incident.resolved', '0000045-resolved-0', '08:53')]
    """
    opened = _time(row, "opened_at")
    at = max(opened, _time(row, "sys_updated_at"))
    handovers, reopenings = _count(row, "reassignment_count"), _count(row, "reopen_count")
    state, was = row["ident_state"], before["ident_state"] if before else "New"
    events = []
    if before is None:
        events.append(_event(row, "opened", 0, opened, actorkind="customer"))
    if was == "New" != state:
        events.append(_event(row, "responded", 0, at))
    if before is not None and handovers > _count(before, "reassignment_count"):
        old = _name("group", before["assignment_group"])
        events.append(_event(row, "reassigned", handovers, at, from_group=old))
    if was in DONE and state not in DONE:
        events.append(_event(row, "reopened", reopenings, at))
    for done in DONE:
        if state == done != was:
            events.append(_event(row, done.lower(), reopenings, at))
    return events


def _pairs(rows: Iterator[dict[str, str]]) -> Iterator[tuple[Row | None, Row]]:
    """Each row with the one before it in the same ticket."""
    before: Row | None = None
    for row in rows:
        same = before is not None and before["number"] == row["number"]
        yield before if same else None, row
        before = row


def _event(
    row: Row, what: str, count: int, at: datetime, actorkind: str = "rep", **more: Any
) -> CloudEvent:
    caller, ticket = row["caller_id"], row["number"]
    if caller == UNKNOWN:
        raise BadInput("no_account", f"ticket {ticket} names no caller: leave the ticket out")
    data = {
        "ticket": ticket,
        "priority": _count(row, "priority"),
        "category": _name("category", row["category"]),
        "group": _name("group", row["assignment_group"]),
        **more,
    }
    return CloudEvent(
        specversion="1.0",
        id=f"{ticket}-{what}-{count}",
        source=SOURCE,
        type=f"incident.{what}",
        time=at,
        subject=f"caller-{caller}",
        data={name: value for name, value in data.items() if value is not None},
        actorkind=actorkind,
        provenance="captured",
    )


def _name(kind: str, value: str) -> str | None:
    return None if value == UNKNOWN else f"{kind}-{value}"


def _count(row: Row, column: str) -> int:
    if not row[column].isdecimal():
        raise BadInput("not_a_count", f"{column} is {row[column]!r}, a whole number is wanted")
    return int(row[column])


def _time(row: Row, column: str) -> datetime:
    try:
        return datetime.strptime(row[column], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(
            "time_invalid", f"{column} is {row[column]!r}, a time like 29/2/2016 01:16 is wanted"
        ) from None
