"""An account as bytes, for the changelog: a front that is cheap to read, and compact msgpack.

Who opens a partition reads the fronts alone (`asleep.py`): making an account out of its bytes
costs thirty times as much, and most accounts are not needed soon.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from operator import sub
from struct import Struct
from sys import intern
from typing import NamedTuple
from zlib import crc32

import msgspec

from models.account import Account
from models.case import Case
from models.errors import Unavailable
from models.sequence import Sequence

VERSION = 2
BARE = 1  # the version before: no front
_FRONT = Struct(">BIqBB")  # version, checksum of what follows it, Front
FRONT_BYTES = _FRONT.size
_CHECKED = slice(5, None)
DAMAGED = (msgspec.MsgspecError, ValueError, LookupError, OverflowError)
"""What is raised for bytes that no release wrote."""


class Front(NamedTuple):
    """due: ms of its next deadline, 0 for none."""

    due: int
    quarantined: bool
    has_cases: bool


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
    data = bytearray(_FRONT.pack(VERSION, 0, *_front_of(account)) + _encode(blob))
    data[1:5] = crc32(memoryview(data)[_CHECKED]).to_bytes(4)
    return bytes(data)


def _front_of(account: Account) -> Front:
    due, *_ = min(account.dues(), default=(0,))
    return Front(due, account.quarantined, bool(account.cases))


def read_front(data: bytes) -> Front:
    """What can be told of an account without decoding it.

    Raises Unavailable for a version of a later release, since an older worker must not guess, and
    one of DAMAGED.

    >>> read_front(encode_account(Account("acme", quarantined=True)))
    Front(due=0, quarantined=True, has_cases=False)
    """
    version = data[0] if data else 0
    if version == BARE:
        return _front_of(decode_account(data))
    if version > VERSION:
        raise Unavailable(
            f"account state has version {version}, this release reads {VERSION}:"
            " start the release that wrote it, or a later one"
        )
    if version != VERSION or len(data) < FRONT_BYTES:
        raise ValueError("it has no front")
    _, checksum, due, quarantined, has_cases = _FRONT.unpack_from(data)
    if crc32(memoryview(data)[_CHECKED]) != checksum:
        raise ValueError("its checksum does not fit")
    return Front(due, bool(quarantined), bool(has_cases))


def decode_account(data: bytes) -> Account:
    """Raises as `read_front`, and one of DAMAGED."""
    if data[:1] != bytes([BARE]):
        read_front(data)
        data = data[FRONT_BYTES - 1 :]
    blob = _decode(memoryview(data)[1:])
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
