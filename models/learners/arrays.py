"""What a learner's state is made of: msgpack, and arrays of numbers. Read without running code.

Below the `dump` and `load` of every learner. numpy's own `.npy` is not used: its reader evaluates
a header, and falls back to pickle.
"""

from __future__ import annotations

from math import prod
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import BadInput

Form = TypeVar("Form")
Kind = Literal["<f4", "<f8", "<i4", "<i8", "|u1"]


class Packed(msgspec.Struct, array_like=True, frozen=True):
    """An array as msgpack holds it. kind: a numpy type string. data: its bytes, row by row."""

    kind: Kind
    shape: tuple[int, ...]
    data: bytes


def pack(array: NDArray[Any], kind: Kind) -> Packed:
    """The array in that type; one that would lose values is a bug."""
    packed = array.astype(np.dtype(kind), order="C", casting="same_kind")
    return Packed(kind, array.shape, packed.tobytes())


def unpack(packed: Packed, kind: Kind, axes: int) -> NDArray[Any]:
    """A copy that may be written to. Raises BadInput unless type, shape and length agree.

    >>> unpack(pack(np.arange(6).reshape(2, 3), "<i4"), "<i4", axes=2).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    dtype, shape = np.dtype(kind), packed.shape
    whole = packed.kind == kind and len(shape) == axes and all(size >= 0 for size in shape)
    if not whole or prod(shape) * dtype.itemsize != len(packed.data):
        raise BadInput(
            "bad_model_state",
            f"{len(packed.data)} bytes are no array of {kind} with {axes} axes"
            f" (told: {packed.kind} {shape})",
        )
    return np.frombuffer(packed.data, dtype).reshape(shape).copy()


def parse(state: bytes, form: type[Form], what: str) -> Form:
    """The state as that struct. Raises BadInput, with `what` it was meant to be.

    >>> parse(b"\\x92\\x01", tuple[int, ...], "two numbers")
    Traceback (most recent call last):
    models.errors.BadInput: bad_model_state: two numbers: Input data was truncated
    """
    try:
        return msgspec.msgpack.decode(state, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput("bad_model_state", f"{what}: {error}") from None
