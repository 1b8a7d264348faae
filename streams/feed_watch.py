"""The watch over feeds: a feed that has gone silent is not a customer who has.

Beside ingest, in the worker that holds partition 0 of the raw topic. Each raw partition sees only
its part of a feed, so ingest notes when it last saw each feed beside its offset in the group; here
the notes of all partitions are put together, and what follows is written into every partition of
the interactions as a control record. There, and nowhere else, it becomes a fact.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache

import msgspec

from models.errors import BadSetting
from streams.control import Feed, encode_control
from streams.horizon import Offsets
from streams.ports import Appender, Horizon

log = logging.getLogger(__name__)

EVERY_S = 1.0
NOTE_BYTES_MAX = 4_000  # Kafka's offset.metadata.max.bytes is 4,096

Seen = Mapping[str, int]
"""By feed: append time, ms, of its newest record."""

_decode = msgspec.json.Decoder(dict[str, int]).decode


@lru_cache(maxsize=4096)
def feed_of(source: str) -> str:
    """The feed of an event's source: what is behind its last slash or colon.

    >>> feed_of("//crm.example/product-usage"), feed_of("urn:x:mail"), feed_of("shop")
    ('product-usage', 'mail', 'shop')
    """
    return source[max(source.rfind("/"), source.rfind(":")) + 1 :]


def encode_note(seen: Seen) -> str:
    """The note beside the group's offset."""
    return msgspec.json.encode(seen).decode()


def check_feeds(feeds: Iterable[str]) -> None:
    """The note must fit. Raises BadSetting."""
    if len(encode_note(dict.fromkeys(feeds, 10**13))) > NOTE_BYTES_MAX:
        raise BadSetting("the rules name too many feeds to be watched: about 100 can be")


def newest(notes: Iterable[str]) -> dict[str, int]:
    """When each feed was last seen, over all partitions; a note that is no note says nothing.

    >>> newest(['{"crm":5,"mail":2}', '{"crm":3}', ''])
    {'crm': 5, 'mail': 2}
    """
    seen: dict[str, int] = {}
    for note in notes:
        try:
            told = _decode(note)
        except msgspec.DecodeError:
            continue
        for feed, at_ms in told.items():
            seen[feed] = max(at_ms, seen.get(feed, 0))
    return seen


class FeedWatch:
    """feeds: (name, max_stale ms) pairs of the rules. raw, interactions: topics.

    is_ours: whether this worker holds partition 0 of the raw topic.
    """

    def __init__(
        self,
        feeds: Collection[tuple[str, int]],
        raw: str,
        interactions: str,
        partitions: int,
        offsets: Offsets,
        horizon: Horizon,
        appender: Appender,
        is_ours: Callable[[], bool],
    ) -> None:
        self._feeds: list[tuple[str, int]] = []
        self.watch(feeds)
        self._raw = raw
        self._interactions = interactions
        self._partitions = range(partitions)
        self._offsets = offsets
        self._horizon = horizon
        self._appender = appender
        self._is_ours = is_ours
        self._told: dict[tuple[str, int], bool] = {}

    def watch(self, feeds: Collection[tuple[str, int]]) -> None:
        """These from here on. Raises BadSetting when they are too many."""
        check_feeds({name for name, _ in feeds})
        self._feeds = sorted(feeds)

    async def run(self) -> None:
        """For ever: look every second, while the first raw partition is ours."""
        while True:
            await asyncio.sleep(EVERY_S)
            if self._is_ours():
                if self._feeds:
                    await self.look()
            else:
                self._told.clear()  # who comes back tells all anew, which does no harm

    async def look(self) -> None:
        """Tell what has changed. The clock is that of what ingest has carried over: a backlog is
        not a silence.
        """
        now_ms = await self._horizon.carried_ms()
        group = await self._offsets.group(self._raw, self._partitions)
        seen = newest(at.metadata for at in group.values())
        for name, max_stale_ms in self._feeds:
            if name not in seen or not now_ms:
                continue
            stale = now_ms - seen[name] > max_stale_ms
            if self._told.get((name, max_stale_ms)) != stale:
                await self._tell(Feed(feed=name, max_stale_ms=max_stale_ms, stale=stale))
                self._told[name, max_stale_ms] = stale

    async def _tell(self, feed: Feed) -> None:
        log.info("feed %s is %s", feed.feed, "stale" if feed.stale else "alive")
        for partition in self._partitions:
            lead = Feed(
                feed=feed.feed, max_stale_ms=feed.max_stale_ms, stale=feed.stale, lead=not partition
            )
            await self._appender.append(self._interactions, partition, *encode_control(lead))
