"""Pathline's worker under measurement: started as people start it, asked over its own HTTP port."""

from __future__ import annotations

import asyncio
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.program import Program
from tests.bench.stage import Site
from tests.kafka_settings import environment

READY_POLL_S = 0.02
COMMIT_POLL_S = 0.2
HTTP_TIMEOUT_S = 30  # a worker with a backlog answers between two batches


class Worker(Program):
    """`pathline worker` with the settings of a site."""

    def __init__(self, site: Site) -> None:
        pathline = Path(sys.executable).with_name("pathline")
        command = [str(pathline), "worker", "--agents", site.agents]
        self._port = site.settings.metrics_port
        log = site.settings.state_dir.parent / "worker.log"
        super().__init__(command, environment(site.settings), log)
        self._began_s = time.monotonic()
        self._is_ready = False

    async def ready(self) -> float:
        """Wait for /readyz; s since the start. Raises Ended."""
        while not await self._look():
            self.cpu_s()
            await asyncio.sleep(READY_POLL_S)
        return time.monotonic() - self._began_s

    async def committed(self) -> int | None:
        """Events that `follow` has committed since the start; None before it is ready."""
        if not await self._look():
            return None
        text = await asyncio.to_thread(self._get, "/metrics")
        return sum(
            int(sample.value)
            for family in text_string_to_metric_families(text or "")
            for sample in family.samples
            if sample.name == "pathline_events_total" and sample.labels["agent"] == "follow"
        )

    async def _look(self) -> bool:
        """Whether it is ready, or has been."""
        if not self._is_ready:
            self._is_ready = await asyncio.to_thread(self._get, "/readyz") is not None
        return self._is_ready

    async def commits(self, events: int) -> None:
        """Wait until `follow` has committed so many since the start. Raises Ended."""
        while (count := await self.committed()) is None or count < events:
            self.cpu_s()
            await asyncio.sleep(COMMIT_POLL_S)

    def _get(self, path: str) -> str | None:
        """The body of a 200; None while there is no such answer."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode()
            return body if answer.status == 200 else None
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
