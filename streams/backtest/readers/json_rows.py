"""One JSON document with a list of rows in it; it is read as a whole, so it must fit in memory."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from models.errors import BadSetting
from streams.backtest.mapping import Mapping
from streams.backtest.opened import BROKEN, Source
from streams.backtest.readers.jsonl_rows import expand
from streams.backtest.rows import BadRow, Row


def read(source: Source, mapping: Mapping) -> Iterator[Row | BadRow]:
    """Raises BadSetting when it is no JSON, or holds no list of rows where the mapping says so."""
    with source.open() as file:
        try:
            value = msgspec.json.decode(file.read())
        except (*BROKEN, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadSetting(f"{source.path} cannot be read as JSON: {error}") from None
    if mapping.records is not None:
        value = value.get(mapping.records) if isinstance(value, dict) else None
    if not isinstance(value, list):
        raise BadSetting(
            f"{source.path}: no list of rows; `records` in the mapping names the field it is in"
        )
    for number, part in enumerate(value, 1):
        yield from expand(number, part, None)
