"""CloudEvents in files: one structured-mode event a line, as `simulate` writes and `send` reads.

Ahead of the raw topic. A line is judged by the same parser as `ingest`, while its number is known.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def open_lines(name: str) -> Iterator[IO[bytes]]:
    """A file of lines, gzip or not (its first bytes tell); `-` is standard input.

    Raises BadSetting when it cannot be read.
    """
    if name == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - what the caller raises is no matter of ours
    except OSError as error:
        raise BadSetting(f"{name} cannot be read: {error.strerror}") from None
    with file:
        zipped = file.peek(len(GZIP)).startswith(GZIP)
        yield cast(IO[bytes], gzip.GzipFile(fileobj=file)) if zipped else file


def read_lines(file: IO[bytes], limits: RawLimits, now_ms: int) -> Iterator[Line | BadLine]:
    """Each line that is not blank, in order, numbered from 1; now_ms: none is much later than it.

    >>> import io
    >>> [bad] = read_lines(io.BytesIO(b'{"specversion": "1.0"}'), RawLimits(1_000, 0), 0)
    >>> bad.number, bad.reason
    (1, 'missing_field')
    """
    number = 0
    try:
        for number, raw in enumerate(file, 1):
            if value := raw.strip():
                yield _read_line(number, value, limits, now_ms)
    except (EOFError, OSError, zlib.error) as error:  # a damaged gzip, a broken disk
        yield BadLine(number + 1, "unreadable", f"{error}; what comes after it is not sent")


def _read_line(number: int, value: bytes, limits: RawLimits, now_ms: int) -> Line | BadLine:
    try:
        event = parse_raw(LogRecord(number, now_ms, None, value), limits)
    except BadInput as error:
        return BadLine(number, error.reason, error.detail)
    return Line(number, event.subject.encode(), value)
