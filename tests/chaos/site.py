"""A site: one Pathline installation for one fault: topics, rules, traffic, kept workers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.chaos.audit import audit
from tests.chaos.finding import Finding
from tests.chaos.kept import Kept
from tests.e2e.workers import COMMAND, RULES, passage_s, send, traffic, with_rules
from tests.kafka_settings import settings_for

EVENTS_MAX = 100_000_000
SESSION_S = 6.0  # a silent worker loses its partitions after this
READY_S_MAX = SESSION_S + 5  # P4, for few accounts


class Site:
    """chance: seeded. workers: all that were started, by name."""

    def __init__(self, settings: Settings, chance: random.Random, folder: Path) -> None:
        self.settings = settings
        self.topics = Topics(settings)
        self.chance = chance
        self.folder = folder
        self.workers: dict[str, Kept] = {}

    def start(
        self,
        name: str = "one",
        command: Sequence[str] = COMMAND,
        arguments: Sequence[str] = (),
        **changes: Any,
    ) -> Kept:
        """A kept worker, a static member under its name. changes: of the settings."""
        own = {"instance_id": name, "data_dir": self.folder / f"{name}-tables"}
        settings = self.settings.model_copy(update={**own, **changes})
        log = self.folder / f"{name}.log"
        self.workers[name] = Kept(settings, log, command, *arguments)
        return self.workers[name]

    async def ready(self, name: str = "one", **changes: Any) -> Kept:
        """A kept worker, and it is ready."""
        worker = self.start(name, **changes)
        await worker.ready()
        return worker

    @asynccontextmanager
    async def load(self, accounts: int, rate: float) -> AsyncIterator[asyncio.Task[None]]:
        """Traffic into the raw topic, at so many events/s, until the block ends."""
        goes_on = True
        endless = traffic(EVENTS_MAX, accounts, seed=self.chance.randrange(2**32))
        feed = self.feed(takewhile(lambda _: goes_on, endless), rate)
        try:
            yield feed
            goes_on = False
            await feed
        finally:
            feed.cancel()

    def feed(self, rows: Iterable[tuple[bytes, bytes]], rate: float = 1e9) -> asyncio.Task[None]:
        """These records into the raw topic; await it."""
        return asyncio.create_task(send(self.settings, self.topics.raw.name, rows, rate))

    async def pause(self, least_s: float, most_s: float) -> float:
        """A random time, which is the story's; s."""
        seconds = self.chance.uniform(least_s, most_s)
        await asyncio.sleep(seconds)
        return seconds

    async def is_drained(self) -> bool:
        """All partitions are held, and nothing is left to read or to commit."""
        living = [worker for worker in self.workers.values() if worker.is_up]
        found = [await worker.readings() for worker in living]

        def total(name: str) -> float:
            return sum(readings.get(f"pathline_{name}", 0) for readings in found)

        return (
            total("partition_ready") == 2 * self.settings.partitions
            and total("lag_records") == 0
            and total("uncommitted_records") == 0
        )

    async def drain(self, patience_s: float = 180) -> None:
        """Wait until all is done. Raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            await self._wait_drained()
            await asyncio.sleep(passage_s(next(iter(self.workers.values()))))
            await self._wait_drained()  # what ingest wrote last has been fetched and applied

    async def _wait_drained(self) -> None:
        while not await self.is_drained():  # noqa: ASYNC110 - asks over HTTP
            await asyncio.sleep(0.2)

    async def settle(
        self, found: Finding, exempt: frozenset[str] = frozenset(), patience_s: float = 180
    ) -> Finding:
        """The end of the story: drained, stopped cleanly, audited."""
        try:
            await self.drain(patience_s)
        except TimeoutError:
            found.broken.append(f"not drained in {patience_s:g} s: {self._tell()}")
        for name, worker in self.workers.items():
            if worker.is_up:
                code = await worker.stop()
                found.promise(code == 0, f"{name} stops with exit code {code}")
        return await self.judge(found, exempt)

    async def judge(self, found: Finding, exempt: frozenset[str] = frozenset()) -> Finding:
        """Compare with the pure engine; the workers stand still."""
        found.audit = await audit(self.settings, exempt)
        found.promise(not found.audit.faults, f"not exactly once: {found.audit.faults}")
        found.promise(found.audit.events > 0, "no event was carried at all")
        return found

    def _tell(self) -> str:
        return "; ".join(
            f"{name} up={worker.is_up} exits={worker.exits} …{worker.text[-600:]}"
            for name, worker in self.workers.items()
        )


@asynccontextmanager
async def open_site(
    bootstrap: str,
    folder: Path,
    chance: random.Random,
    rules: Sequence[dict[str, Any]] = RULES,
    **changes: Any,
) -> AsyncIterator[Site]:
    """Topics and rules of its own; its workers end with it."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    changes = {"session_timeout_s": SESSION_S, "future_skew_s": 300.0, **changes}
    settings = with_rules(settings_for(bootstrap, folder, **changes), folder / "rules", *rules)
    await create_topics(settings)
    site = Site(settings, chance, folder)
    try:
        yield site
    finally:
        for worker in site.workers.values():
            await worker.end()
