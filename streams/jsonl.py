"""CloudEvents in files: one structured-mode event a line, as `simulate` writes and `send` reads.

Ahead of the raw topic. A line is judged by the same parser as `ingest`, while its number is known.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from models.errors import BadInput, BadSetting
from streams.codec import RawLimits, parse_raw
from streams.job import LogRecord

GZIP = b"\x1f\x8b"
HEADERS = (("content-type", b"application/cloudevents+json"),)
STANDARD = "-"


class Line(NamedTuple):
    """A line that holds an event. key: of its record, the account. value: the line as it is."""

    number: int
    key: bytes
    value: bytes


class BadLine(NamedTuple):
    """A line that `ingest` would reject. reason: the word that the dead letter would have."""

    number: int
    reason: str
    detail: str


def open_lines(name: str) -> IO[bytes]:
    """A file of lines, gzip or not (its first bytes tell); `-` is standard input.

    Raises BadSetting when it cannot be read.
    """
    if name == STANDARD:
        return sys.stdin.buffer
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - handed over, the caller closes it
        zipped = file.peek(len(GZIP)).startswith(GZIP)
    except OSError as error:
        raise BadSetting(f"{name} cannot be read: {error.strerror}") from None
    return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if zipped else file


def read_lines(file: IO[bytes], limits: RawLimits, now_ms: int) -> Iterator[Line | BadLine]:
    """Each line that is not blank, in order, numbered from 1; now_ms: none is much later than it.

    >>> import io
    >>> [bad] = read_lines(io.BytesIO(b'{"specversion": "1.0"}'), RawLimits(1_000, 0), 0)
    >>> bad.number, bad.reason
    (1, 'missing_field')
    """
    for number, raw in enumerate(file, 1):
        if value := raw.strip():
            try:
                event = parse_raw(LogRecord(number, now_ms, None, value), limits)
            except BadInput as error:
                yield BadLine(number, error.reason, error.detail)
            else:
                yield Line(number, event.subject.encode(), value)
