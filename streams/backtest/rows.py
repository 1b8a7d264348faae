"""Rows of files into events, by a mapping. Between the readers and the order of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import methodcaller
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from models.errors import BadInput
from models.event import Event
from streams.backtest.mapping import COLUMN, DataColumn, MadeTime, TimeColumn, data_columns
from streams.backtest.mapping import Mapping as Form
from streams.codec import check_event

Fields = Mapping[str, Any]
Get = Callable[[Fields], str | None]
INT_MAX = 2**63
CACHED = 65_536
TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Row(NamedTuple):
    """line: in its file, from 1; where a format has no lines, the number of the record."""

    line: int
    fields: Fields


class BadRow(NamedTuple):
    """A row that cannot be an event. reason: as in a dead letter. raw: what stands there."""

    line: int
    reason: str
    detail: str
    raw: Any


class RowParser:
    """Compiled once for a file. name: of the file, the default source."""

    def __init__(self, form: Form, name: str) -> None:
        self._only = [(_column(c, form), frozenset(values)) for c, values in form.only.items()]
        self._account = _template(form.account, form)
        self._type = _template(form.type, form)
        self._id = _template(form.id, form) if form.id else None
        self._source = _template(form.source or f"//file/{name}", form)
        others = ("actorkind", "provenance", "accounttz")
        told = {name: getattr(form, name) for name in others if getattr(form, name)}
        self._others = [(name, _template(text, form)) for name, text in told.items()]
        self._time = _time(form.time, form)
        self._line, self._row = 0, 0
        self._data = [(name, _value(field, form)) for name, field in data_columns(form).items()]

    def parse(self, row: Row) -> Event | None:
        """None: the mapping leaves such rows out. Raises BadInput."""
        fields = row.fields
        for get, wanted in self._only:
            if get(fields) not in wanted:
                return None
        event = Event(
            specversion="1.0",
            id=(self._id(fields) if self._id else self._place(row.line)) or "",
            source=self._source(fields) or "",
            type=_slug(self._type(fields) or ""),
            time=self._time(row),
            subject=self._account(fields) or "",
            data={name: v for name, read in self._data if (v := read(fields)) is not None},
        )
        for attribute, get in self._others:
            setattr(event, attribute, get(fields))
        event.at = check_event(event)
        return event

    def _place(self, line: int) -> str:
        """A line may hold several rows: 7, 7-2, 7-3."""
        self._row = self._row + 1 if line == self._line else 1
        self._line = line
        return str(line) if self._row == 1 else f"{line}-{self._row}"


@lru_cache(CACHED)
def _slug(text: str) -> str:
    """Into the form of an event type.

    >>> _slug("loan.W_Nabellen offertes.START")
    'loan.w_nabellen_offertes.start'
    """
    return re.sub(r"[^a-z0-9.]+", "_", text.lower())


def _column(name: str, form: Form) -> Get:
    """A cell as text, by the names that the mapping gives; None when it says nothing."""
    names, empty, read = form.values.get(name, {}), frozenset(form.empty), _reader(name)

    def get(fields: Fields) -> str | None:
        value = read(fields)
        if type(value) is not str:
            if value is None:
                return None
            value = _text(value)
        return None if value in empty else names.get(value, value)

    return get


def _reader(name: str) -> Callable[[Fields], Any]:
    """a.b is field b of a, unless a column is called so."""
    if "." not in name:
        return methodcaller("get", name)
    steps = name.split(".")

    def read(fields: Fields) -> Any:
        if name in fields:
            return fields[name]
        value: Any = fields
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    return read


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _template(text: str, form: Form) -> Get:
    """None when a column of it says nothing."""
    parts = COLUMN.split(text)
    gets = [_column(name, form) for name in parts[1::2]]
    fixed = parts[::2]
    if not gets:
        return lambda fields: text
    if fixed == ["", ""]:
        return gets[0]

    def get(fields: Fields) -> str | None:
        said = fixed[0]
        for i, read in enumerate(gets, 1):
            value = read(fields)
            if value is None:
                return None
            said += value + fixed[i]
        return said

    return get


def _time(form: TimeColumn | MadeTime, mapping: Form) -> Callable[[Row], datetime]:
    if isinstance(form, MadeTime):
        start, every = form.start, timedelta(milliseconds=form.every.amount)
        steps = iter(_steps(start, every))
        return lambda row: next(steps)
    zone = ZoneInfo(form.zone) if form.zone else None
    read, parse = _reader(form.column), _instants(form.format)
    wanted = f"{form.column} is {{!r}}, a time as {form.format} is wanted"

    @lru_cache(CACHED)
    def instant(text: str) -> datetime:
        try:
            time = parse(text)
        except (ValueError, OverflowError, OSError):
            raise BadInput("time_invalid", wanted.format(text)) from None
        return time if time.tzinfo else _with_zone(time, text)

    def _with_zone(time: datetime, text: str) -> datetime:
        if zone is None:
            told = f"{text!r} has no offset: the mapping's time needs a `zone`"
            raise BadInput("no_time_zone", told)
        return time.replace(tzinfo=zone)

    def at(row: Row) -> datetime:
        value = read(row.fields)
        if isinstance(value, datetime):
            return value if value.tzinfo else _with_zone(value, str(value))
        return instant("" if value is None else str(value))

    return at


def _steps(time: datetime, every: timedelta) -> Iterator[datetime]:
    while True:
        yield time
        time += every


def _instants(format: str) -> Callable[[str], datetime]:
    known: dict[str, Callable[[str], datetime]] = {
        "iso": datetime.fromisoformat,
        "epoch_s": lambda text: datetime.fromtimestamp(float(text), UTC),
        "epoch_ms": lambda text: datetime.fromtimestamp(int(text) / 1000, UTC),
    }
    return known.get(format) or (lambda text: datetime.strptime(text, format))  # noqa: DTZ007


def _value(field: DataColumn, form: Form) -> Callable[[Fields], Any]:
    get, read = _column(field.column, form), _reader(field.column)
    if field.as_ is None:
        return lambda fields: _own(read(fields), fields, get)
    if field.as_ == "text":
        return get
    cast = {"int": _int, "float": _float, "bool": _bool}[field.as_]

    def value(fields: Fields) -> Any:
        text = get(fields)
        if text is None:
            return None
        try:
            return cast(text)
        except ValueError:
            told = f"{field.column} is {read(fields)!r}, {field.as_} is wanted"
            raise BadInput("wrong_type", told) from None

    return value


def _own(value: Any, fields: Fields, get: Get) -> Any:
    """Of its own type, as JSON can hold it; of text what the mapping calls it."""
    if type(value) is str:
        return get(fields)
    if type(value) in (int, bool):
        return value
    if type(value) is float:
        return value if value - value == 0 else None  # JSON knows neither infinity nor NaN
    return msgspec.to_builtins(value)


def _int(text: str) -> int:
    value = int(text)
    if not -INT_MAX <= value < INT_MAX:
        raise ValueError
    return value


def _float(text: str) -> float:
    value = float(text)
    if value - value != 0:  # JSON knows neither infinity nor NaN
        raise ValueError
    return value


def _bool(text: str) -> bool:
    if text.lower() not in TRUTH:
        raise ValueError
    return TRUTH[text.lower()]
