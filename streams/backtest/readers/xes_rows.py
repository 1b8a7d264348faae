"""XES event logs (IEEE 1849), by rustxes; read as a whole, so they must fit in memory.

A row is an event with the attributes of its trace as `case:NAME`. Times come without the offset
that stood there; they are UTC. pm4py would read it too, but is AGPL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from xml.etree import ElementTree as xml

import rustxes

from models.errors import BadSetting
from streams.backtest.mapping import Mapping
from streams.backtest.opened import BROKEN, Source
from streams.backtest.rows import BadRow, Row

COPY_BYTES = 1 << 20


def read(source: Source, mapping: Mapping) -> Iterator[Row | BadRow]:
    """Raises BadSetting when it is no XES or lacks a column."""
    with _plain(source) as path:
        try:
            frame, _ = rustxes.import_xes(str(path))
        except (Exception, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as panic:  # so Rust's panics come; they are no Exception
            raise BadSetting(f"{source.path} cannot be read as XES: {panic}") from None
    if missing := sorted(mapping.columns - set(frame.columns)):
        told = f"no attribute {', '.join(missing)}; it has {', '.join(sorted(frame.columns))}"
        raise BadSetting(f"{source.path}: {told}")
    for line, fields in enumerate(frame.iter_rows(named=True), 1):
        yield Row(line, {name: _aware(value) for name, value in fields.items()})
        source.moved(line / frame.height)


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@contextmanager
def _plain(source: Source) -> Iterator[Path]:
    """The file unpacked and looked through: the library panics at what is no XES."""
    with NamedTemporaryFile(suffix=".xes") as plain:
        try:
            with source.open() as file:
                while piece := file.read(COPY_BYTES):
                    plain.write(piece)
            plain.flush()
            _check(plain.name)
        except (*BROKEN, xml.ParseError) as error:
            raise BadSetting(f"{source.path} cannot be read as XES: {error}") from None
        yield Path(plain.name)


def _check(name: str) -> None:
    """Raises ParseError when it is not well-formed or not a log."""
    root = None
    for event, element in xml.iterparse(name, ("start", "end")):  # noqa: S314 - our own file, on our own machine
        if root is None:
            root = element
            if element.tag.rpartition("}")[2] != "log":
                raise xml.ParseError(f"its root is {element.tag!r}, not a log")
        elif event == "end":
            element.clear()
    if root is None:
        raise xml.ParseError("it is empty")
