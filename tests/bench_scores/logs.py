"""Two real logs as moments of cases, with the score moments and label rules of docs/scores.md.

A  loan applications: is the offer accepted? Scored at the first 40 events before the last O_*
   event, which is the decision. Cases without a decided offer are load alone, and are not scored.
B  service incidents: is the SLA missed (`made_sla` false at the end)? Scored at every change before
   the closing one. Columns that are filled in backwards, `knowledge` among them, are not read.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from models.event import Event, place
from models.task import Task

LENGTH_MAX = 40  # of a prefix that is scored
LOANS = "bpic2012_loan_applications.csv.gz"
INCIDENTS = "uci_service_incidents.csv.gz"
DECISIONS = {"O_ACCEPTED": 1, "O_CANCELLED": 0, "O_DECLINED": 0}
NUMBERS = ("reassignment_count", "reopen_count", "sys_mod_count", "impact", "urgency", "priority")
WORDS = (
    "category",
    "category.1",
    "u_symptom",
    "location",
    "contact_type",
    "cmdb_ci",
    "opened_by",
    "u_priority_confirmation",
)
LOAD = ("assignment_group", "assigned_to", "sys_updated_by")

Line = dict[str, str]


class Moment(NamedTuple):
    """An event of a case. label: known with this event, which is not scored; None: not with it."""

    event: Event
    case: str
    scored: bool
    label: int | None


@dataclass(frozen=True)
class Log:
    """moments: by time, ties by case and then in the order of the file. settled: the type after
    which the label is as good as decided, where there is one.
    """

    name: str
    task: Task
    moments: list[Moment]
    settled: str | None = None


def loans(folder: Path) -> Log:
    """Log A. Raises OSError when its file is not in the folder."""
    moments: list[Moment] = []
    for case, rows in _cases(folder / LOANS, "case"):
        offers = [i for i, row in enumerate(rows) if row["activity"].startswith("O_")]
        label = DECISIONS.get(rows[offers[-1]]["activity"]) if offers else None
        last = len(rows) if label is None else offers[-1]
        for i, row in enumerate(rows[: last + 1]):
            type = f"loan.{_word(row['activity'])}.{row['lifecycle'].lower()}"
            time = datetime.fromisoformat(row["time"])
            data = {"amount": float(row["amount_requested"]), "resource": row["resource"]}
            scored = label is not None and i < min(last, LENGTH_MAX)
            event = _event(case, i, type, time, case, data)
            moments.append(Moment(event, case, scored, label if i == last else None))
    features = {"numbers": ["data.amount"], "load": ["data.resource"], "account": False}
    return _log("A", moments, features)


def incidents(folder: Path) -> Log:
    """Log B. Raises OSError when its file is not in the folder."""
    moments: list[Moment] = []
    for case, rows in _cases(folder / INCIDENTS, "number"):
        for i, row in enumerate(rows):
            type = f"incident.{_word(row['ident_state'])}"
            time = datetime.strptime(row["sys_updated_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
            words = {_word(name): row[name] for name in (*WORDS, *LOAD) if row[name] != "?"}
            data = {name: float(row[name].split(" ")[0]) for name in NUMBERS} | words
            last = i == len(rows) - 1
            label = int(row["made_sla"] == "false") if last else None
            event = _event(case, i, type, time, row["caller_id"], data)
            moments.append(Moment(event, case, not last and i < LENGTH_MAX, label))
    features = {
        "numbers": [f"data.{name}" for name in NUMBERS],
        "words": [f"data.{_word(name)}" for name in WORDS],
        "load": [f"data.{name}" for name in LOAD],
    }
    return _log("B", moments, features, settled="incident.resolved")


LOGS: tuple[Callable[[Path], Log], ...] = (loans, incidents)


def _log(
    name: str, moments: list[Moment], features: dict[str, Any], settled: str | None = None
) -> Log:
    """The task is there for its features; the moments say themselves what is scored and known."""
    types = sorted({moment.event.type for moment in moments})
    task = Task.model_validate(
        {
            "id": f"bench-{name.lower()}",
            "version": "1.0.0",
            "title": f"Log {name}",
            "starts": [{"where": "true"}],
            "positive": [{"where": "false"}],
            "negative": [{"where": "false"}],
            "horizon": "365d",
            "score_at": types,
            "features": {"types": types, **features},
        }
    )
    return Log(name, task, sorted(moments, key=lambda moment: moment.event.at), settled)


def _cases(path: Path, key: str) -> Iterator[tuple[str, list[Line]]]:
    """The rows of each case, which stand together or not, in the order of the file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row[key])
    found: Iterable[tuple[str, Iterator[Line]]] = groupby(rows, key=lambda row: row[key])
    return ((case, list(own)) for case, own in found)


def _word(text: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in text.lower()).strip("_")


def _event(
    case: str, i: int, type: str, time: datetime, account: str, data: dict[str, Any]
) -> Event:
    event = Event(
        specversion="1.0", id=f"{case}-{i}", source="//log", type=type, time=time,
        subject=account, data=data,
    )  # fmt: skip
    return place(event, i)
