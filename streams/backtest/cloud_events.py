"""JSONL of CloudEvents: one structured-mode event a line, judged as `ingest` would judge it."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern

from models.errors import BadInput
from models.event import Event, to_ms
from streams.backtest.opened import BROKEN, Source
from streams.backtest.readers.jsonl_rows import raw_text
from streams.backtest.rows import BadRow
from streams.codec import RawLimits, parse_raw
from streams.job import LogRecord

FAR_MS = 4_102_444_800_000  # 2100: no event of a file is too new


def read_events(source: Source, limits: RawLimits) -> Iterator[Event | BadRow]:
    """`offset` of an event is its line; whoever puts it into a log sets it anew."""
    number = 0
    with source.open() as file:
        try:
            for number, line in enumerate(file, 1):
                if value := line.strip():
                    yield _read(number, value, limits)
        except BROKEN as error:
            told = f"{error}; what comes after it is not read"
            yield BadRow(number + 1, "unreadable", told, None)


def _read(number: int, value: bytes, limits: RawLimits) -> Event | BadRow:
    try:
        cloud = parse_raw(LogRecord(number, FAR_MS, None, value), limits)
    except BadInput as fault:
        return BadRow(number, fault.reason, fault.detail, raw_text(value))
    return Event(
        specversion=cloud.specversion,
        id=cloud.id,
        source=intern(cloud.source),
        type=intern(cloud.type),
        time=cloud.time,
        subject=cloud.subject,
        data=cloud.data,
        actorkind=cloud.actorkind,
        provenance=cloud.provenance,
        accounttz=cloud.accounttz,
        at=to_ms(cloud.time),
        offset=number,
    )
