"""An account as bytes, for the changelog: a version byte and compact msgpack.

Event types become small numbers, times and offsets differences; about a quarter of the plain form.
"""

from __future__ import annotations

from itertools import accumulate
from struct import iter_unpack, pack

import msgspec

from models.account import Account
from models.case import Case
from models.errors import Unavailable
from models.sequence import Entry

VERSION = 1


class Blob(msgspec.Struct, array_like=True):
    """The form on disk. types: names; order: an index into them per entry; at, offsets: deltas.

    seen: 8 bytes for each remembered id.
    """

    id: str
    applied: int
    latest: int
    offset: int
    zone: str | None
    quarantined: bool
    types: list[str]
    order: list[int]
    at: list[int]
    offsets: list[int]
    seen: bytes
    cases: dict[str, dict[str, Case]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Blob).decode


def encode_account(account: Account) -> bytes:
    """The whole state of the account; `decode_account` gives it back equal."""
    types: dict[str, int] = {}
    sequence = account.sequence
    blob = Blob(
        account.id,
        account.applied,
        account.latest,
        account.offset,
        account.zone,
        account.quarantined,
        [],
        [types.setdefault(entry.type, len(types)) for entry in sequence],
        _deltas([entry.at for entry in sequence]),
        _deltas([entry.offset for entry in sequence]),
        pack(f">{len(account.seen)}Q", *account.seen),
        account.cases,
    )
    blob.types = list(types)
    return bytes([VERSION]) + _encode(blob)


def decode_account(data: bytes) -> Account:
    """Raises Unavailable for a version of a later release: an older worker must not guess."""
    if data[0] != VERSION:
        raise Unavailable(
            f"account state has version {data[0]}, this release reads {VERSION}:"
            " start the release that wrote it, or a later one"
        )
    blob = _decode(data[1:])
    sequence = [
        Entry(at, offset, blob.types[type])
        for at, offset, type in zip(
            accumulate(blob.at), accumulate(blob.offsets), blob.order, strict=True
        )
    ]
    seen = {value: None for (value,) in iter_unpack(">Q", blob.seen)}
    return Account(
        blob.id,
        blob.applied,
        blob.latest,
        blob.offset,
        blob.zone,
        blob.quarantined,
        sequence,
        seen,
        blob.cases,
    )


def _deltas(values: list[int]) -> list[int]:
    return [value - before for value, before in zip(values, [0, *values], strict=False)]
