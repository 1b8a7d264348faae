"""What the worker says of itself: well, ready, and how far it is; over HTTP, and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from models.errors import BadSetting
from streams.gauges import lag_of, read_shards
from streams.health import (
    BEAT_S_MAX,
    CHECKPOINT_S_MAX,
    CONNECTIONS_MAX,
    HealthServer,
    find_ills,
    find_lacks,
)
from streams.metrics import Metrics
from tests.agents.echo import EchoAgent
from tests.agents.world import World, WorldWorker


class Process:
    """What of the app is asked."""

    def __init__(self, *workers: WorldWorker) -> None:
        self.runtimes = [worker.runtime for worker in workers]
        self.beat_at: float | None = None
        self.is_assigned = True


async def started(world: World, *words: bytes) -> WorldWorker:
    world.put("in", 0, *((b"acme", word) for word in words))
    return await WorldWorker(world, EchoAgent()).start()


async def test_a_worker_that_keeps_house_is_well() -> None:
    w = World()
    process = Process(await started(w, b"a"))
    process.beat_at = w.clock.steady_s()
    assert find_ills(process, w.clock.steady_s() + BEAT_S_MAX) == []


async def test_a_housekeeping_that_stands_still_is_an_ill() -> None:
    w = World()
    process = Process(await started(w))
    process.beat_at = w.clock.steady_s()
    (ill,) = find_ills(process, w.clock.steady_s() + BEAT_S_MAX + 1)
    assert "no housekeeping for 11 s" in ill


async def test_a_checkpoint_that_does_not_come_is_an_ill() -> None:
    w = World()
    worker = await started(w, b"a")
    await worker.read()
    (ill,) = find_ills(Process(worker), w.clock.steady_s() + CHECKPOINT_S_MAX + 1)
    assert ill == "echo/0 waits for its checkpoint for 31 s"


async def test_an_idle_worker_is_well_for_ever() -> None:
    w = World()
    worker = await started(w, b"a")
    await worker.read()
    await worker.run_for(1_100)
    assert find_ills(Process(worker), w.clock.steady_s() + 1e6) == []


async def test_ready_is_who_has_opened_all_that_is_assigned() -> None:
    w = World()
    worker = WorldWorker(w, EchoAgent())
    process = Process(worker)
    await worker.runtime.fence([0], 7)
    assert find_lacks(process) == ["echo/0 is not open yet"]
    await worker.runtime.open()
    assert find_lacks(process) == []
    process.is_assigned = False
    assert len(find_lacks(process)) == 1


async def test_lag_is_told_in_records_and_in_seconds() -> None:
    w = World()
    worker = await started(w, b"a")
    await worker.read()
    w.clock.ms += 5_000
    w.put("in", 0, (b"acme", b"b"), (b"acme", b"c"))
    readings = {r.gauge: r.value for r in read_shards([worker.runtime], w.clock.ms, 0)}
    assert (readings["pathline_lag_records"], readings["pathline_lag_seconds"]) == (2, 5.0)


async def test_lag_is_never_negative() -> None:
    w = World()
    worker = await started(w, b"a")
    await worker.read()
    shard = worker.runtime.shards[0]
    assert lag_of(shard, 0, w.clock.ms - 60_000) == (0, 0.0)
    assert lag_of(shard, 2, w.clock.ms - 60_000) == (1, 0.0), (
        "a clock that runs behind the broker's"
    )


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    w = World()
    worker = await started(w, b"a")
    process: Any = Process(worker)
    metrics = worker.metrics
    metrics.gauges = lambda: read_shards([worker.runtime], w.clock.ms, 0)
    made = HealthServer("127.0.0.1", 0, process, metrics, w.clock)
    await made.on_start()
    yield made
    await made.on_stop()


async def get(server: HealthServer, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with ClientSession() as client, client.get(url) as answer:
        return answer.status, await answer.text()


async def test_metrics_have_our_names_base_units_and_no_account(server: HealthServer) -> None:
    status, text = await get(server, "/metrics")
    assert status == 200
    names = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
    assert names
    for name, kind in names:
        assert name.startswith("pathline_")
        assert not re.search(r"_(ms|millis|minutes|kb|mb)\b", name)
        assert (kind == "counter") == name.endswith("_total") or name.endswith("_created")
    assert 'pathline_lag_records{agent="echo",partition="0"} 1.0' in text
    assert "acme" not in text


async def test_health_and_readiness_answer(server: HealthServer) -> None:
    assert await get(server, "/healthz") == (200, '{"ok":true,"faults":[]}')
    assert await get(server, "/readyz") == (200, '{"ok":true,"faults":[]}')
    server._worker.is_assigned = False  # type: ignore[misc]
    status, text = await get(server, "/readyz")
    assert (status, "settling" in text) == (503, True)


@pytest.mark.parametrize("path", ["/", "/table/follow/acme/", "/router/", "/graph", "/metrics/x"])
async def test_nothing_else_is_there(server: HealthServer, path: str) -> None:
    assert (await get(server, path))[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
async def test_it_can_be_read_and_nothing_else(
    server: HealthServer, method: str, path: str
) -> None:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with ClientSession() as client, client.request(method, url) as answer:
        assert answer.status == 405


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected(server: HealthServer) -> Stream:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def outcome(stream: Stream) -> bytes:
    """All that is answered until the other side ends it."""
    reader, writer = stream
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_slow_clients_block_nobody_and_are_shown_out(server: HealthServer) -> None:
    server.connection_s_max = 0.3
    slow = [await connected(server) for _ in range(20)]
    for _, writer in slow:
        writer.write(b"GET /metrics HTTP/1.1\r\nX-A: ")
    assert (await get(server, "/healthz"))[0] == 200
    assert await asyncio.gather(*map(outcome, slow)) == [b""] * 20


async def test_more_connections_than_enough_are_ended_at_once(server: HealthServer) -> None:
    held = [await connected(server) for _ in range(CONNECTIONS_MAX)]
    await asyncio.sleep(0)
    assert await outcome(await connected(server)) == b""
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    assert (await get(server, "/healthz"))[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /metrics HTTP/1.1\r\n" + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + b"X-A: 1\r\n" * 10_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"m4rked\r\n\r\n",
    ],
    ids=["long header", "many headers", "long path", "no HTTP"],
)
async def test_heads_are_bounded_and_not_logged(
    server: HealthServer, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    stream = await connected(server)
    stream[1].write(head)
    assert (await outcome(stream)).startswith(b"HTTP/1.0 400")
    assert not re.search("m4rked|aaaaaaaa", caplog.text)


async def test_a_port_that_is_taken_is_a_wrong_setting() -> None:
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    process: Any = Process()
    server = HealthServer("127.0.0.1", port, process, Metrics(), World().clock)
    with pytest.raises(BadSetting, match="PATHLINE_METRICS_PORT"):
        await server.on_start()
    await server.on_stop()
    taken.close()
