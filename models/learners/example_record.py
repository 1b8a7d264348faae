"""An example as a record of `pathline.examples.v1`: a case whose label is known, for `learn`.

msgpack and no JSON: a row has hundreds of numbers, and text would be ten times the size and lose
bits. An array with its version first; fields are only appended.
"""

from __future__ import annotations

import re

import msgspec

from models.errors import BadInput
from models.learners.base import Example
from models.learners.kept import KeptRow, read_row

VERSION = 1
_MODEL = re.compile(r"[a-z-]{1,64}@[0-9]{1,15}")


class ExampleRecord(msgspec.Struct, array_like=True, frozen=True):
    """schema: hash of the encoded rows. since: start of the case, ms. label: 0 or 1, known at
    matured_at, ms. rows: in order, each with what was said at it then.
    """

    v: int
    task: str
    case: str
    schema: str
    since: int
    label: int
    matured_at: int
    rows: tuple[KeptRow, ...]


encode_example = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ExampleRecord).decode


def parse_example(value: bytes | None) -> ExampleRecord:
    """The inverse of `encode_example`. Raises BadInput.

    >>> record = ExampleRecord(VERSION, "conversion", "case", "schema", 0, 1, 5, ())
    >>> parse_example(encode_example(record))
    Traceback (most recent call last):
    models.errors.BadInput: bad_example: no rows, or a label that is neither 0 nor 1
    """
    try:
        record = _decode(value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadInput("bad_example", str(error)) from None
    if record.v != VERSION:
        raise BadInput("bad_example", f"version {record.v}, this release reads {VERSION}")
    if not record.rows or record.label not in (0, 1):
        raise BadInput("bad_example", "no rows, or a label that is neither 0 nor 1")
    for said in (said for row in record.rows for said in row.said):
        if not 0 <= said.value <= 1 or not _MODEL.fullmatch(said.model):
            raise BadInput("bad_example", f"{said.model!r} said {said.value}")
    return record


def example_of(record: ExampleRecord, width: int) -> Example:
    """What a learner takes. width: values of a row. Raises BadInput when they are not so many."""
    rows = (read_row(kept, record.task, record.case, width) for kept in record.rows)
    return Example(record.case, tuple(rows), record.label, record.matured_at)
