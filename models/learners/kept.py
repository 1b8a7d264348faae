"""A scored row as it is kept until its label comes, and as it then travels: small, explicit bytes.

Between the scorer and `learn`: in the state of an account (rules/case_state.py) and in the examples
topic. Most values of a row are zero, so a deflated one is a quarter of the size.
"""

from __future__ import annotations

import zlib

import msgspec
import numpy as np

from models.errors import BadInput
from models.learners.base import Row

LEVEL = 1  # of deflate: ten microseconds a row
FLOAT_BYTES = 4


class Said(msgspec.Struct, array_like=True, frozen=True):
    """A probability that was told. model: `LEARNER@VERSION`. shadow: beside the champion's."""

    model: str
    value: float
    shadow: bool = False


class KeptRow(msgspec.Struct, array_like=True, frozen=True):
    """An encoded row. values: deflated little-endian float32. moment: ms. said: by each model."""

    values: bytes
    words: tuple[str, ...]
    moment: int
    said: tuple[Said, ...] = ()


def keep_row(row: Row, said: tuple[Said, ...] = ()) -> KeptRow:
    """The row and what was said at it.

    >>> row = Row(np.ones(3, np.float32), ("blue",), "task", "case", 7)
    >>> read_row(keep_row(row), "task", "case", 3).values
    array([1., 1., 1.], dtype=float32)
    """
    values = zlib.compress(row.values.astype("<f4").tobytes(), LEVEL)
    return KeptRow(values, row.words, row.moment, said)


def read_row(kept: KeptRow, task: str, case: str, width: int) -> Row:
    """The row again. width: how many values it has; raises BadInput when it has not."""
    inflate = zlib.decompressobj()
    try:
        values = inflate.decompress(kept.values, width * FLOAT_BYTES + 1)
    except zlib.error as error:
        raise BadInput("bad_example", f"the values of a row: {error}") from None
    if len(values) != width * FLOAT_BYTES or not inflate.eof:
        raise BadInput("bad_example", f"a row has other than {width} values")
    numbers = np.frombuffer(values, "<f4").astype(np.float32)
    return Row(numbers, kept.words, task, case, kept.moment)
