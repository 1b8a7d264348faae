"""The position record: where a partition stands, written in the same transaction as its state.

It lies in the changelog of the agent, one per partition, and it is the authority on what was
applied; the consumer group's offset is only a hint for monitors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from models.errors import BadSetting, Unavailable

VERSION = 1
CASES = b"\x00score\x00"  # what begins so in a changelog is state of cases (streams/scoring.py)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class Position(NamedTuple):
    """next: offset of the first record that the state lacks. header: the job's own, see Snapshot.

    header is empty for a partition that nobody has opened yet. told: what the records before it
    say is out already; from `next` up to there the log is applied again and nothing said.
    """

    next: int
    header: Mapping[str, Any]
    told: int = 0


def position_key(partition: int) -> bytes:
    r"""Its key in the changelog; no account id begins with NUL.

    >>> position_key(3)
    b'\x00pos:3'
    """
    return b"\x00pos:%d" % partition


def is_state(key: bytes) -> bool:
    """Whether a record of a changelog is a job's own; the others are the shell's.

    >>> is_state(b"acme"), is_state(CASES + b"acme"), is_state(position_key(3))
    (True, True, False)
    """
    return key[:1] != b"\0" or key.startswith(CASES)


def encode_position(position: Position, clock: int) -> bytes:
    """clock: ms, for people who look; the job keeps what it needs in its header."""
    place = {"v": VERSION, "next": position.next, "told": max(position.told, position.next)}
    return _encode({"clock": clock, **position.header, **place})


def decode_position(value: bytes) -> Position:
    """Raises Unavailable for a record of a later release, BadSetting for one that is damaged.

    >>> decode_position(encode_position(Position(7, {"digest": "d"}), clock=5)).next
    7
    """
    try:
        record = _decode(value)
        version, next = record.pop("v"), record.pop("next")
    except (msgspec.MsgspecError, ValueError, LookupError, RecursionError) as error:
        raise damaged("the position", error) from None
    if version != VERSION:
        raise Unavailable(
            f"a stored position has version {version}, this release reads {VERSION}:"
            " start the release that wrote it, or a later one"
        )
    told = record.pop("told", next)
    if type(next) is not int or type(told) is not int:
        raise damaged("the position", TypeError())
    return Position(next, record, told)


def damaged(what: str, error: Exception) -> BadSetting:
    """What to say when a record of a changelog is not as we wrote it: to skip it would lose state.

    >>> str(damaged("the position", ValueError("x")))[:43]
    'the position in the changelog cannot be rea'
    """
    return BadSetting(
        f"{what} in the changelog cannot be read ({type(error).__name__}): somebody else has"
        " written there, or a disk is damaged. Write the record back, or delete this app's"
        " changelogs and consumer group to start anew from the log."
    )


def check_position(where: str, next: int, beginning: int, end: int) -> None:
    """The log must still hold what comes next. Raises BadSetting, since nobody may guess.

    where: topic and partition, for the message. beginning, end: of the log; end is one past it.
    """
    if next < beginning:
        raise BadSetting(
            f"{where}: retention has deleted records that were not applied: the stored position is"
            f" {next}, the log begins at {beginning}. State and log no longer fit together. Bring"
            " the records back, or delete this app's changelogs and consumer group to start anew."
        )
    if next > end:
        raise BadSetting(
            f"{where}: the stored position {next} lies beyond the log's end {end}. The topic was"
            " made anew, or another cluster answers. Point PATHLINE_BROKER at the right one, or"
            " delete this app's changelogs and consumer group to start anew."
        )
