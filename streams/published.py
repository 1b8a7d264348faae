"""Publishing rule sets: to their topic as one unit, then by control record into every partition.

Off the data path; `pathline rules publish | rollback`. What is published stands above the folders
of workers: they follow the history that is kept beside the sets, and a folder alone is activated
only where none was ever published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from models.errors import BadSetting
from rules.loader import RuleBook, parse
from rules.ruleset import compile_rules
from streams.control import Activate, encode_control
from streams.ports import Appender
from streams.settings import Settings
from streams.topics import Topics

VERSION = 1
HISTORY_KEY = "published"  # no digest is called so
HISTORY_MAX = 100
GRACE_S = 2.0  # a worker that opens a partition has read the history before it, or reads it after

Fetch = Callable[[str], Awaitable[bytes | None]]
"""The content that was written under a digest, or the history, if it was."""


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """digests: of what was published, oldest first; the last is active."""

    digests: tuple[str, ...] = ()
    v: int = VERSION


class Change(NamedTuple):
    """was: the digest that was active by publication before, if any. partitions: told of it."""

    digest: str
    was: str | None
    partitions: int


def publisher_id(settings: Settings) -> str:
    """The transactional id of whoever publishes. Two at once would lose one of two histories, and
    activate one set here and the other there.

    >>> publisher_id(Settings())
    'pathline-rules'
    """
    return f"{settings.app_id}-rules"


def encode_history(digests: Sequence[str]) -> bytes:
    """The newest ones.

    >>> encode_history(["a", "b"])
    b'{"digests":["a","b"],"v":1}'
    """
    return msgspec.json.encode(History(tuple(digests[-HISTORY_MAX:])))


async def load_history(fetch: Fetch) -> tuple[str, ...]:
    """The digests that were published; empty when none ever was. Raises BadSetting."""
    value = await fetch(HISTORY_KEY)
    if value is None:
        return ()
    try:
        history = msgspec.json.decode(value, type=History)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadSetting(f"the history of published rule sets cannot be read: {error}") from None
    if history.v != VERSION:
        raise BadSetting(
            f"the history of published rule sets has version {history.v}, this release reads"
            f" {VERSION}: use the release that wrote it, or a later one"
        )
    return history.digests


async def publish(
    settings: Settings, book: RuleBook, fetch: Fetch, appender: Appender, grace_s: float = GRACE_S
) -> Change:
    """Put a set on the shelf and activate it; again, the same does no harm and mends the rest.

    appender: the only one that publishes (`publisher_id`), since before the history is read.
    book: loaded, linted and tested by whoever calls. The record of the content is one unit: what
    reads it has all of it or nothing.
    """
    topic = Topics(settings).rules.name
    history = await load_history(fetch)
    if len(book.content) > settings.message_bytes_max * 9 // 10:
        raise BadSetting(
            f"the rule set has {len(book.content)} bytes, a record takes"
            f" PATHLINE_MESSAGE_BYTES_MAX={settings.message_bytes_max}: raise it, or cut tests"
        )
    if await fetch(book.digest) != book.content:
        await appender.append(topic, 0, book.digest.encode(), book.content)
    was = history[-1] if history else None
    digests = history if was == book.digest else (*history, book.digest)
    return await _activate(settings, digests, was, appender, grace_s)


async def rollback(
    settings: Settings,
    digest: str | None,
    fetch: Fetch,
    appender: Appender,
    grace_s: float = GRACE_S,
) -> Change:
    """Back to the set before the active one, or to this one of the history; the beginning of a
    digest is enough. What was published after it leaves the history.

    Raises BadSetting when there is none, BadRule when this release cannot read it.
    """
    history = await load_history(fetch)
    place = _place(history, digest)
    await load_published(fetch, history[place])
    return await _activate(settings, history[: place + 1], history[-1], appender, grace_s)


async def load_published(fetch: Fetch, digest: str) -> RuleBook:
    """A set by its whole digest. Raises BadSetting when it is not there, BadRule when it cannot be
    read.
    """
    content = await fetch(digest)
    if content is None:
        raise BadSetting(f"no rule set {digest} was published")
    book = parse(content)
    compile_rules(book)
    if book.digest != digest:
        raise BadSetting(f"other content lies under the digest {digest}")
    return book


def find_digest(history: Sequence[str], start: str) -> str:
    """The digest that begins so. Raises BadSetting with those that there are."""
    found = [digest for digest in dict.fromkeys(history) if digest.startswith(start)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(digest[:12] for digest in history) or "none"
    what = "several begin with" if found else "no published rule set begins with"
    raise BadSetting(f"{what} {start!r}; published, oldest first: {known}")


def _place(history: Sequence[str], digest: str | None) -> int:
    if not history:
        raise BadSetting("no rule set was ever published, so there is none to go back to")
    if digest is None:
        if len(history) == 1:
            raise BadSetting(f"{history[0][:12]} is the first that was published: none is before")
        return len(history) - 2
    wanted = find_digest(history, digest)
    return max(place for place, known in enumerate(history) if known == wanted)


async def _activate(
    settings: Settings,
    digests: Sequence[str],
    was: str | None,
    appender: Appender,
    grace_s: float,
) -> Change:
    """The history first: a worker that opens a partition from here on activates the same set."""
    topics, digest = Topics(settings), digests[-1]
    await appender.append(topics.rules.name, 0, HISTORY_KEY.encode(), encode_history(digests))
    await asyncio.sleep(grace_s)
    key, value = encode_control(Activate(digest=digest))
    for partition in range(settings.partitions):
        await appender.append(topics.interactions.name, partition, key, value)
    return Change(digest, was, settings.partitions)
