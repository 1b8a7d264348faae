"""The formats that a backtest reads, and which of them a file has. The visible list of readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from models.errors import BadSetting
from streams.backtest.mapping import FORMATS, Mapping
from streams.backtest.opened import Source, plain_name
from streams.backtest.rows import BadRow, Row

Read = Callable[[Source, Mapping], Iterator[Row | BadRow]]

READERS = {
    "csv": "csv_rows",
    "jsonl": "jsonl_rows",
    "json": "json_rows",
    "parquet": "parquet_rows",
    "xes": "xes_rows",
}
ENDINGS: dict[str, FORMATS] = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet", ".xes": "xes",
}  # fmt: skip


def format_of(path: Path, mapping: Mapping | None = None) -> FORMATS:
    """What the mapping says, else what the file's name does. Raises BadSetting.

    >>> format_of(Path("data/loans.csv.gz"))
    'csv'
    """
    if mapping and mapping.format:
        return mapping.format
    found = ENDINGS.get(Path(plain_name(path)).suffix.lower())
    if found is None:
        known = ", ".join(sorted(ENDINGS))
        raise BadSetting(f"{path}: its name tells no format ({known}); a mapping may say `format`")
    return found


def reader_for(format: str) -> Read:
    """Its module is imported when a file needs it: some bring large libraries along."""
    read: Read = import_module(f"streams.backtest.readers.{READERS[format]}").read
    return read
