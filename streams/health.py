"""What the world may ask the worker: /metrics, /healthz, /readyz, and nothing else.

Beside the data path, in the main loop on purpose: when that stands still, nobody answers. Faust's
own web server shows customers' state, so it is never started.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from models.errors import BadSetting
from streams.clock import Clock
from streams.logs import SERVICES
from streams.metrics import Metrics
from streams.runtime import Runtime

log = logging.getLogger(__name__)

BEAT_S_MAX = 10.0
CHECKPOINT_S_MAX = 30.0
CONNECTION_S_MAX = 10.0
CONNECTIONS_MAX = 64


def is_ours(record: logging.LogRecord) -> bool:
    """Not a stranger's wrong request, which aiohttp would log with its bytes."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


HTTP = logging.getLogger(f"{__name__}.http")
HTTP.addFilter(is_ours)


class Worker(Protocol):
    """What of the app is asked here. beat_at: s, of the housekeeping; None before it began."""

    beat_at: float | None

    @property
    def runtimes(self) -> Iterable[Runtime]: ...

    @property
    def is_assigned(self) -> bool:
        """The group has settled and the tables are recovered."""


def find_ills(worker: Worker, now_s: float) -> list[str]:
    """Why the worker should be killed; empty when it is well."""
    ills = []
    if worker.beat_at is not None and (silent_s := now_s - worker.beat_at) > BEAT_S_MAX:
        ills.append(f"no housekeeping for {silent_s:.0f} s")
    for name, shard in _shards(worker):
        if shard.waits_since is not None and (s := now_s - shard.waits_since) > CHECKPOINT_S_MAX:
            ills.append(f"{name} waits for its checkpoint for {s:.0f} s")
    return ills


def find_lacks(worker: Worker) -> list[str]:
    """What is missing until the worker is ready; its rules were loaded before it started."""
    if not worker.is_assigned:
        return ["the group is settling, or tables are being recovered"]
    return [f"{name} is not open yet" for name, shard in _shards(worker) if not shard.ready]


def _shards(worker: Worker) -> Iterator[tuple[str, Any]]:
    for runtime in worker.runtimes:
        for partition, shard in sorted(runtime.shards.items()):
            yield f"{runtime.agent.name}/{partition}", shard


class HealthServer(Service):
    """HTTP on `host`:`port`; port 0 takes a free one, which `port` tells once it listens."""

    logger = SERVICES

    def __init__(
        self, host: str, port: int, worker: Worker, metrics: Metrics, clock: Clock, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.host = host
        self.port = port
        self._worker = worker
        self._metrics = metrics
        self._clock = clock
        self.connection_s_max = CONNECTION_S_MAX
        self._listener: asyncio.Server | None = None

    async def on_start(self) -> None:
        app = web.Application()
        app.router.add_get("/metrics", self._show_metrics, allow_head=False)
        app.router.add_get("/healthz", self._show_health, allow_head=False)
        app.router.add_get("/readyz", self._show_readiness, allow_head=False)
        self._runner = web.AppRunner(app, access_log=None, logger=HTTP)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self._admit, self.host, self.port)
        except OSError as error:
            raise BadSetting(
                f"cannot listen on {self.host}:{self.port} ({error.strerror}): set"
                " PATHLINE_METRICS_PORT to a free port, or 0 for any"
            ) from None
        self.port = self._listener.sockets[0].getsockname()[1]
        log.info("metrics and health on http://%s:%s/metrics", self.host, self.port)

    async def on_stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()

    def _admit(self) -> asyncio.BaseProtocol:
        """A connection ends soon, whatever its client does or does not do; beyond a number, at
        once: neither files nor memory can be held by whoever can connect.
        """
        server = self._runner.server
        assert server is not None, "on_start has set the runner up"
        is_full = len(server.connections) >= CONNECTIONS_MAX
        connection = server()
        asyncio.get_running_loop().call_later(
            0 if is_full else self.connection_s_max, _end, connection
        )
        return connection

    async def _show_metrics(self, request: web.Request) -> web.Response:
        text = generate_latest(self._metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _show_health(self, request: web.Request) -> web.Response:
        return _answer(find_ills(self._worker, self._clock.steady_s()))

    async def _show_readiness(self, request: web.Request) -> web.Response:
        return _answer(find_lacks(self._worker))


def _end(connection: web.RequestHandler) -> None:
    if connection.transport is not None:
        connection.transport.abort()


def _answer(faults: list[str]) -> web.Response:
    body = msgspec.json.encode({"ok": not faults, "faults": faults})
    status = 503 if faults else 200
    return web.Response(body=body, status=status, content_type="application/json")
