"""The shelf of rule sets: ours, the published one, and those that a log names by their digest.

Beside the data path. A log says which rule set was active when; so that it can be read again, each
is kept in the topic of rule sets under its digest, for as long as there is a log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from models.errors import BadSetting
from rules.loader import RuleBook, parse
from rules.ruleset import RuleSet, compile_rules
from streams.keyring import Keyring, Refusal
from streams.ports import Appender
from streams.published import Fetch, load_history
from streams.reader import Stored, open_reader
from streams.seal import signature_of
from streams.settings import Settings

log = logging.getLogger(__name__)


class RuleShelf:
    """own: the rule set of this worker's folder. fetch: where the others are found.

    wanted: the set that partitions are to have: the published one, ours while none ever was.
    """

    def __init__(self, book: RuleBook, topic: str, fetch: Fetch) -> None:
        self.own = self.wanted = compile_rules(book)
        self._content = book.content
        self._topic = topic
        self._fetch = fetch
        self._loaded = {self.own.digest: self.own}

    def loaded(self, digest: str) -> RuleSet:
        """One that is on the shelf already."""
        return self._loaded[digest]

    async def load(self, digest: str) -> RuleSet:
        """Raises BadSetting when nobody published it, BadRule when this release cannot read it."""
        if digest not in self._loaded:
            content = await self._fetch(digest)
            if content is None:
                raise BadSetting(
                    f"the log was written under the rule set {digest}, which {self._topic} does not"
                    " hold; without it nobody can tell what the open cases mean. Publish it again"
                    " from the folder it came from (start a worker there once)."
                )
            book = parse(content)
            if book.digest != digest:
                raise BadSetting(f"{self._topic} holds other content under the digest {digest}")
            self._loaded[digest] = compile_rules(book)
            log.info("rule set %s loaded from %s", digest, self._topic)
        return self._loaded[digest]

    async def refresh(self) -> RuleSet:
        """Look which set is wanted now. Raises like `load`."""
        history = await load_history(self._fetch)
        self.wanted = await self.load(history[-1]) if history else self.own
        return self.wanted

    @property
    def feeds(self) -> frozenset[tuple[str, int]]:
        """(name, max_stale ms) that a set on the shelf asks for; to watch too many does no harm."""
        return frozenset[tuple[str, int]]().union(*(r.feeds for r in self._loaded.values()))

    async def publish(self, appender: Appender) -> None:
        """Make our own readable for whoever reads a log that names it. Repeating it is harmless."""
        digest = self.own.digest
        if await self._fetch(digest) != self._content:
            await appender.append(self._topic, 0, digest.encode(), self._content)
            log.info("rule set %s published to %s", digest, self._topic)


def fetch_from(
    settings: Settings,
    topic: str,
    keyring: Keyring | None = None,
    refuse: Callable[[Refusal], None] = lambda reason: None,
) -> Fetch:
    """Reads the whole topic at each call: it is small, and calls are rare.

    keyring: with one, only signed rule sets count; of others `refuse` hears the reason.
    """

    async def fetch(digest: str) -> bytes | None:
        content: bytes | None = None
        async with open_reader(settings, topic) as reader:
            async for record in reader.to_end():
                if record.key != digest.encode():
                    continue
                if keyring is not None and (refusal := check_rules(keyring, record)):
                    log.warning("%s: a rule set is refused at offset %s: %s", topic,
                                record.offset, refusal)  # fmt: skip
                    refuse(refusal)
                    continue
                content = record.value
        return content

    return fetch


def check_rules(keyring: Keyring, record: Stored) -> Refusal | None:
    """A rule set counts however old it is: the digest, its key, says what it holds."""
    place, key = (record.topic, record.partition), record.key or b""
    return keyring.check(signature_of(record), place, key, record.value or b"", None)
