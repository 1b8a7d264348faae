"""A kept worker: started again whenever it ends, as a supervisor does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from streams.settings import Settings
from tests.e2e.workers import COMMAND, WorkerProcess

POLL_S = 0.05
PAUSE_S_MIN = 0.2
PAUSE_S_MAX = 10.0  # the back-off between two starts
WELL_S = 10.0  # who has run so long starts again at once


class Kept:
    """command: that starts it; may be changed for the next start. exits: codes, in order.

    ready_s: from each start to readiness. worker: the running one, or the last.
    """

    def __init__(
        self, settings: Settings, log: Path, command: Sequence[str] = COMMAND, *arguments: str
    ) -> None:
        self.settings = settings
        self.command = command
        self.exits: list[int] = []
        self.ready_s: list[float] = []
        self._log = log
        self._arguments = arguments
        self._pause_s = PAUSE_S_MIN
        self._is_kept = True
        self.worker = self._start()
        self._keeper = asyncio.create_task(self._keep())

    def _start(self) -> WorkerProcess:
        return WorkerProcess(self.settings, self._log, *self._arguments, command=self.command)

    async def _keep(self) -> None:
        while True:
            worker = self.worker
            while (code := worker.process.poll()) is None:  # noqa: ASYNC110 - a process
                await asyncio.sleep(POLL_S)
            self.exits.append(code)
            if not self._is_kept:
                return
            if time.monotonic() - worker.began_s > WELL_S:
                self._pause_s = PAUSE_S_MIN
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(PAUSE_S_MAX, 2 * self._pause_s)
            if self._is_kept:
                self.worker = self._start()

    @property
    def text(self) -> str:
        """All that it has logged, over all starts."""
        return self._log.read_text("utf-8", "replace")

    @property
    def is_up(self) -> bool:
        return self.worker.process.poll() is None

    async def ready(self, patience_s: float = 60) -> float:
        """Wait until the running one is ready; s since its start, which is noted."""
        await self.wait_until(self.is_ready, patience_s)
        self.ready_s.append(time.monotonic() - self.worker.began_s)
        return self.ready_s[-1]

    async def is_ready(self) -> bool:
        return (await asyncio.to_thread(self.worker.ask, "/readyz"))[0] == 200

    async def wait_until(self, done: Callable[[], Awaitable[bool]], patience_s: float = 60) -> None:
        """done: awaited again and again until it says true. Raises TimeoutError."""
        try:
            async with asyncio.timeout(patience_s):
                while not await done():  # noqa: ASYNC110 - asks over HTTP
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            tail = "\n".join(self.text.splitlines()[-12:])
            raise TimeoutError(f"not in {patience_s:g} s; exits {self.exits}:\n{tail}") from None

    async def readings(self) -> dict[str, float]:
        """Sums of the metrics by name, and by name and agent; empty while it does not answer."""
        found: dict[str, float] = {}
        text = (await asyncio.to_thread(self.worker.ask, "/metrics"))[1]
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                agent = sample.labels.get("agent")
                for name in {sample.name, f"{sample.name}/{agent}"}:
                    found[name] = found.get(name, 0) + sample.value
        return found

    async def applies(self, events: float) -> None:
        """Wait until `follow` has committed so many since the start of the running one."""

        async def done() -> bool:
            return (await self.readings()).get("pathline_events_total/follow", 0) >= events

        await self.wait_until(done)

    def rss_mb(self) -> float:
        """Resident memory."""
        return float(psutil.Process(self.worker.process.pid).memory_info().rss / 2**20)

    async def kill(self) -> float:
        """SIGKILL; the next one is started. s until that is ready."""
        killed = self.worker
        killed.process.kill()

        async def replaced() -> bool:
            return self.worker is not killed

        await self.wait_until(replaced)
        return await self.ready()

    async def stop(self, patience_s: float = 30) -> int:
        """SIGTERM, and no further start; the exit code."""
        self._is_kept = False
        if self.is_up:
            self.worker.process.terminate()
        async with asyncio.timeout(patience_s):
            await self._keeper
        return self.exits[-1]

    async def end(self) -> None:
        """Whatever it does: it ends."""
        self._is_kept = False
        with suppress(ProcessLookupError):
            self.worker.process.kill()
        with suppress(asyncio.CancelledError):
            self._keeper.cancel()
            await self._keeper
        self.worker.process.wait()
