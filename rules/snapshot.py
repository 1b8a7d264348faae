"""An account as bytes, for the changelog: a version byte and compact msgpack."""

from __future__ import annotations

from array import array
from itertools import accumulate
from operator import sub
from sys import intern

import msgspec

from models.account import Account
from models.case import Case
from models.errors import Unavailable
from models.sequence import Sequence

VERSION = 1


class Blob(msgspec.Struct, array_like=True):
    """The form on disk. at: differences of the sequence's times."""

    id: str
    applied: int
    latest: int
    offset: int
    zone: str | None
    quarantined: bool
    at: list[int]
    kinds: bytearray
    types: list[str]
    seen: bytearray
    cases: dict[str, dict[str, Case]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Blob).decode


def encode_account(account: Account) -> bytes:
    """The whole state of the account; `decode_account` gives it back equal."""
    sequence = account.sequence
    at = sequence.at
    blob = Blob(
        account.id,
        account.applied,
        account.latest,
        account.offset,
        account.zone,
        account.quarantined,
        [*at[:1], *map(sub, at[1:], at)],
        sequence.kinds,
        sequence.types,
        account.seen,
        account.cases,
    )
    return bytes([VERSION]) + _encode(blob)


def decode_account(data: bytes) -> Account:
    """Raises Unavailable for a version of a later release: an older worker must not guess."""
    if data[0] != VERSION:
        raise Unavailable(
            f"account state has version {data[0]}, this release reads {VERSION}:"
            " start the release that wrote it, or a later one"
        )
    blob = _decode(data[1:])
    return Account(
        blob.id,
        blob.applied,
        blob.latest,
        blob.offset,
        blob.zone,
        blob.quarantined,
        Sequence(array("q", accumulate(blob.at)), blob.kinds, [*map(intern, blob.types)]),
        blob.seen,
        blob.cases,
    )
