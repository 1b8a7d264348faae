"""Control records: what moves a partition besides events, written into its own log.

`follow` reads them among the interactions, so a replay meets them at the same place. Their keys
begin with NUL, which no account id does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from models.errors import BadInput
from streams.settings import Settings

VERSION = 1
TICK_KEY = b"\x00tick"
RULES_KEY = b"\x00rules"
FEED_KEY = b"\x00feed"
ERASE_KEY = b"\x00erase"
MODEL_KEY = b"\x00model"


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base: JSON with a version."""

    v: int = VERSION


class Tick(Control, frozen=True):
    """Time passed with no event. clock_ms: what the partition's clock becomes, at least."""

    clock_ms: int


class Activate(Control, frozen=True):
    """A rule set takes over. digest: its key in the topic of rule sets."""

    digest: str


class Feed(Control, frozen=True):
    """A feed went stale or came back. max_stale_ms: by which measure. lead: speaks for it."""

    feed: str
    max_stale_ms: int
    stale: bool
    lead: bool = False


class Erase(Control, frozen=True):
    """An account is forgotten: state, deadlines, remembered ids. Its next event is its first."""

    account: str


class UseModel(Control, frozen=True):
    """A model scores from here on. digest: of its snapshot, empty: none does any more.

    shadow: it takes the place beside the champion.
    """

    task: str
    version: int
    digest: str
    shadow: bool = False


class Grown(Control, frozen=True):
    """Trees that were grown for a learner, among the examples. learned: cases that they are of."""

    task: str
    learner: str
    learned: int
    trees: bytes


class Decide(Control, frozen=True):
    """Somebody decides about the shadow of a task, among the examples. comparison: of it with the
    champion (models/learners/roster.py), as it was when they decided.
    """

    task: str
    learner: str
    what: Literal["promote", "retire"]
    by: str
    why: str
    comparison: dict[str, Any] = {}


KEYS: dict[type[Control], bytes] = {
    Tick: TICK_KEY,
    Activate: RULES_KEY,
    Feed: FEED_KEY,
    Erase: ERASE_KEY,
    UseModel: MODEL_KEY,
}
LEARN_KEYS: dict[type[Control], bytes] = {Grown: b"\x00grown", Decide: b"\x00decide"}
"""Of those among the examples; the others are among the interactions."""

_ALL_KEYS = KEYS | LEARN_KEYS
_DECODERS = {key: msgspec.json.Decoder(kind) for kind, key in _ALL_KEYS.items()}


def is_control(key: bytes | None) -> bool:
    """Whether a record of the interactions is a control record, not an event."""
    return key is not None and key[:1] == b"\x00"


def encode_control(control: Control) -> tuple[bytes, bytes]:
    """Key and value of its record.

    >>> encode_control(Tick(clock_ms=5))
    (b'\\x00tick', b'{"clock_ms":5,"v":1}')
    """
    return _ALL_KEYS[type(control)], msgspec.json.encode(control)


def parse_control(
    key: bytes, value: bytes | None, kinds: Mapping[type[Control], bytes] = KEYS
) -> Control:
    """The inverse. Raises BadInput for what this release does not understand. kinds: that may be.

    >>> parse_control(b"\\x00tick", b'{"v":1,"clock_ms":5}')
    Tick(clock_ms=5, v=1)
    """
    decoder = _DECODERS.get(key)
    if decoder is None or key not in kinds.values():
        raise BadInput("unknown_control", f"no control record has the key {key!r}")
    try:
        control = decoder.decode(value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadInput("bad_control", f"{key!r}: {error}") from None
    if isinstance(control, Erase) and control.account[:1] in ("", "\0"):
        raise BadInput("bad_account", f"{key!r}: an account is not empty nor begins with NUL")
    if control.v != VERSION:
        raise BadInput("unknown_control", f"{key!r} has version {control.v}, not {VERSION}")
    return control


class Skew(NamedTuple):
    """lateness_ms: by so much a partition's clock runs behind. ahead_ms: how far beyond its append
    time a tick may be before its writer's clock counts as wrong.
    """

    lateness_ms: int
    ahead_ms: int

    def clock_of(self, tick: Tick, appended_ms: int) -> int:
        """Where the tick moves the clock to: the log's own time bounds it, so that a worker whose
        clock is somewhat ahead fires nothing early. Raises BadInput.

        >>> Skew(lateness_ms=1_000, ahead_ms=300_000).clock_of(Tick(clock_ms=99_000), 90_000)
        89000
        """
        if tick.clock_ms > appended_ms + self.ahead_ms:
            raise BadInput("time_in_future", "a tick ahead of its append time")
        return min(tick.clock_ms, appended_ms - self.lateness_ms)


def skew_of(settings: Settings) -> Skew:
    """As the settings have it."""
    return Skew(int(settings.lateness_s * 1000), int(settings.future_skew_s * 1000))
