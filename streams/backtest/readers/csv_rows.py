"""CSV (RFC 4180) by the row, with a header; constant memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from models.errors import BadSetting
from streams.backtest.mapping import Mapping
from streams.backtest.opened import BROKEN, Source
from streams.backtest.rows import BadRow, Row


def read(source: Source, mapping: Mapping) -> Iterator[Row | BadRow]:
    """Raises BadSetting when the header lacks a column that the mapping reads."""
    with source.open() as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        lines = csv.reader(text, delimiter=mapping.delimiter, strict=True)
        try:
            header = next(lines, [])
        except (*BROKEN, csv.Error, UnicodeDecodeError) as error:
            raise BadSetting(f"{source.path} cannot be read as CSV: {error}") from None
        _check_header(source, mapping, header)
        while True:
            try:
                cells = next(lines, None)
            except csv.Error as error:
                yield BadRow(lines.line_num, "not_csv", str(error), None)
                continue
            except (*BROKEN, UnicodeDecodeError) as error:
                told = f"{error}; what comes after it is not read"
                yield BadRow(lines.line_num + 1, "unreadable", told, None)
                return
            if cells is None:
                return
            if len(cells) == len(header):
                yield Row(lines.line_num, dict(zip(header, cells, strict=True)))
            elif cells:
                told = f"{len(cells)} cells, the header has {len(header)}"
                yield BadRow(lines.line_num, "wrong_number_of_cells", told, cells)


def _check_header(source: Source, mapping: Mapping, header: list[str]) -> None:
    missing = sorted(mapping.columns - set(header))
    if missing:
        raise BadSetting(
            f"{source.path}: no column {', '.join(missing)}; its header has {', '.join(header)}"
        )
    twice = sorted({name for name in header if header.count(name) > 1} & mapping.columns)
    if twice:
        raise BadSetting(f"{source.path}: two columns are called {', '.join(twice)}")
