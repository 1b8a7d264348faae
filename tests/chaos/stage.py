"""The stage of a run: one Kafka for all faults, others for those that need their own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from streams.broker import EmbeddedKafka
from streams.settings import Settings
from tests.chaos.site import Site, open_site

SHARE_MIN = 0.2
JARS = Settings().cache_dir.expanduser() / "jars"


class Cluster(Protocol):
    """One Kafka, or three."""

    @property
    def bootstrap(self) -> str: ...


class Stage:
    """seed: of all chance. size: of the load and the waiting, 1 for `make chaos`. changes: of the
    settings of every site.
    """

    def __init__(
        self, kafka: EmbeddedKafka, folder: Path, seed: int, size: float = 1.0, **changes: Any
    ) -> None:
        self.kafka = kafka
        self.folder = folder
        self.seed = seed
        self.size = size
        self.changes = changes
        self._count = 0

    def scaled(self, whole: float) -> float:
        """A rate, or a time, at this size; never less than a fifth, or nothing would be shown."""
        return whole * max(SHARE_MIN, self.size)

    async def start(self) -> None:
        """The Kafka runs, also when the fault before has ended it."""
        await asyncio.to_thread(self.kafka.start)

    def site(
        self, name: str, kafka: Cluster | None = None, **changes: Any
    ) -> AbstractAsyncContextManager[Site]:
        """A site for the fault of this name, on the common Kafka or another. See `open_site`."""
        self._count += 1
        folder = self.folder / f"{name}-{self._count}"
        chance = random.Random(f"{self.seed} {name}")
        return open_site(
            (kafka or self.kafka).bootstrap, folder, chance, **{**self.changes, **changes}
        )

    @asynccontextmanager
    async def own_kafka(self, name: str, **extra: str) -> AsyncIterator[EmbeddedKafka]:
        """Another Kafka, started. extra: properties, `_` for each dot."""
        properties = {key.replace("_", "."): value for key, value in extra.items()}
        kafka = EmbeddedKafka(self.folder / f"kafka-{name}", 0, JARS, properties)
        try:
            await asyncio.to_thread(kafka.start)
            yield kafka
        finally:
            await asyncio.to_thread(kafka.stop)
