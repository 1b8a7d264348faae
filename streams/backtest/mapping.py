"""A mapping: how the columns of a file become the fields of events, in one YAML file.

    account: "{case}"                       # text with columns in braces
    type: "loan.{activity}"                 # what a column gives is put into the form of a type
    time: {column: time, format: iso}
    data: {amount: {column: amount_requested, as: int}}

Ahead of the readers; docs/backtest.md teaches it, with a mapping for each of six data sets.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from rules.grammar_base import Form, WallSpan
from streams.backtest.forms import load_form

COLUMN = re.compile(r"\{([^{}]+)\}")
FORMATS = Literal["csv", "jsonl", "json", "parquet", "xes"]


def check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not an IANA time zone, such as Europe/Berlin") from None
    return value


def _closed(value: str) -> str:
    if re.search(r"[{}]", COLUMN.sub("", value)):
        raise ValueError("a brace that is not closed, or not opened: columns are written {column}")
    return value


def aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs an offset, such as 2026-01-01T09:00:00Z")
    return value


Template = Annotated[str, Field(min_length=1), AfterValidator(_closed)]


class TimeColumn(Form):
    """format: iso, epoch_s, epoch_ms, or a strptime format; zone: of times without an offset."""

    column: str
    format: str = "iso"
    zone: Annotated[str, AfterValidator(check_zone)] | None = None


class MadeTime(Form):
    """For files without times: the first event at `start`, each one `every` after the one before.

    Made up, and the summary says so.
    """

    start: Annotated[datetime, AfterValidator(aware)]
    every: WallSpan


class DataColumn(Form):
    """A field of `data`. Without `as` it stays what the file has: text in CSV, else its own type.

    A value that is not as `as` says makes the row a bad one.
    """

    column: str
    as_: Literal["text", "int", "float", "bool"] | None = Field(None, alias="as")


class Mapping(Form):
    """values: by column, what its values are called instead; others stay as they are.

    only: by column, the values of rows that are events; other rows are left out, and counted.
    empty: what stands in a cell that says nothing. records: in JSON the list that holds the rows;
    fields of what surrounds it are columns, too, and a.b is field b of a. sort: the file is not in
    order of time. id: default, the line (7, and 7-2 for
    the second row in it). source: default, the file's name.
    """

    format: FORMATS | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    records: str | None = None
    sort: bool = False
    account: Template
    type: Template
    time: TimeColumn | MadeTime
    id: Template | None = None
    source: Template | None = None
    actorkind: Template | None = None
    provenance: Template | None = None
    accounttz: Template | None = None
    data: dict[str, str | DataColumn] = Field({})
    values: dict[str, dict[str, str]] = Field({})
    only: dict[str, tuple[str, ...]] = Field({})
    empty: tuple[str, ...] = ("",)

    @property
    def columns(self) -> set[str]:
        """All columns that it reads."""
        templates = (self.account, self.type, self.id, self.source, self.actorkind,
                     self.provenance, self.accounttz)  # fmt: skip
        named = {name for text in templates if text for name in COLUMN.findall(text)}
        fields = {f if isinstance(f, str) else f.column for f in self.data.values()}
        timed = {self.time.column} if isinstance(self.time, TimeColumn) else set()
        return named | fields | timed | {*self.values} | {*self.only}


def load_mapping(path: Path) -> Mapping:
    """Raises BadSetting with every fault and its place."""
    return load_form(path, Mapping)[0]


def data_columns(mapping: Mapping) -> dict[str, DataColumn]:
    """The fields of `data`, the short form written out."""
    made: dict[str, DataColumn] = {}
    for name, field in mapping.data.items():
        whole: dict[str, Any] = {"column": field}
        made[name] = DataColumn(**whole) if isinstance(field, str) else field
    return made
