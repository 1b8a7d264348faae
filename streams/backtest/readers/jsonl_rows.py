"""JSON by the line: an object each, of any shape; `records` names a list in it. Constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from streams.backtest.mapping import Mapping
from streams.backtest.opened import BROKEN, Source
from streams.backtest.rows import BadRow, Row

RAW_MAX = 1_000  # bytes of a bad line that are kept


def read(source: Source, mapping: Mapping) -> Iterator[Row | BadRow]:
    number = 0
    with source.open() as file:
        try:
            for number, line in enumerate(file, 1):
                if text := line.strip():
                    yield from _read_line(number, text, mapping.records)
        except BROKEN as error:
            told = f"{error}; what comes after it is not read"
            yield BadRow(number + 1, "unreadable", told, None)


def _read_line(number: int, text: bytes, records: str | None) -> Iterator[Row | BadRow]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield BadRow(number, "not_json", str(error), raw_text(text))
        return
    yield from expand(number, value, records)


def expand(number: int, value: Any, records: str | None) -> Iterator[Row | BadRow]:
    """The row of an object, or those of its list, each with the fields of the object around it.

    >>> [row.fields for row in expand(1, {"day": "mon", "turns": [{"who": "a"}]}, "turns")]
    [{'day': 'mon', 'who': 'a'}]
    """
    if not isinstance(value, dict):
        yield BadRow(number, "not_an_object", "a row is a JSON object", value)
        return
    if records is None:
        yield Row(number, value)
        return
    inner = value.get(records)
    if not isinstance(inner, list):
        yield BadRow(number, "no_records", f"there is no list {records!r} in it", None)
        return
    around = {name: part for name, part in value.items() if name != records}
    for part in inner:
        if isinstance(part, dict):
            yield Row(number, {**around, **part})
        else:
            yield BadRow(number, "not_an_object", f"an item of {records} is no object", part)


def raw_text(line: bytes) -> str:
    """What is kept of a bad line."""
    return line[:RAW_MAX].decode("utf-8", "replace")
