"""An account as bytes, for the changelog: a front that is cheap to read, and compact msgpack.

Who opens a partition reads the fronts alone (`asleep.py`): making an account out of its bytes
costs thirty times as much, and most accounts are not needed soon.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from operator import sub
from sys import intern
from typing import NamedTuple

import msgspec

from models.account import Account
from models.case import Case
from models.sequence import Sequence
from rules.envelope import Envelope

BARE = 1  # the version before: no front
ENVELOPE = Envelope(2, "qBB", "account state")  # its front: Front
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
    return ENVELOPE.seal(_front_of(account), _encode(blob))


def _front_of(account: Account) -> Front:
    due, *_ = min(account.dues(), default=(0,))
    return Front(due, account.quarantined, bool(account.cases))


def read_front(data: bytes) -> Front:
    """What can be told of an account without decoding it.

    Raises as `Envelope.open`, and one of DAMAGED.

    >>> read_front(encode_account(Account("acme", quarantined=True)))
    Front(due=0, quarantined=True, has_cases=False)
    """
    if data[:1] == bytes([BARE]):
        return _front_of(decode_account(data))
    due, quarantined, has_cases = ENVELOPE.open(data)
    return Front(due, bool(quarantined), bool(has_cases))


def decode_account(data: bytes) -> Account:
    """Raises as `read_front`, and one of DAMAGED."""
    if data[:1] != bytes([BARE]):
        ENVELOPE.open(data)
        data = data[ENVELOPE.begins - 1 :]
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
