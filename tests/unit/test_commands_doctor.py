"""The doctor's checks of worker and lag, without a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from aiokafka import TopicPartition

from streams.diagnosis import LAG_RECORDS_MAX, Verdict, check_worker, tell_lags
from streams.kafka.port import free_port
from streams.settings import Settings

AGENTS = {"raw": "ingest", "interactions": "follow"}

Serve = Callable[[int, bytes], Settings]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A worker that answers every page like this; gives the settings under which it is found."""
    with ExitStack() as stack:

        def start(status: int, body: bytes) -> Settings:
            class Page(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *args: object) -> None: ...

            server = stack.enter_context(HTTPServer(("127.0.0.1", 0), Page))
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return Settings(metrics_port=server.server_port)

        yield start


def test_a_ready_worker_is_fine(serve: Serve) -> None:
    check = check_worker(serve(200, b'{"ok":true,"faults":[]}'))
    assert (check.verdict, check.hint) == (Verdict.FINE, "")


def test_a_worker_that_recovers_says_what_is_missing(serve: Serve) -> None:
    check = check_worker(serve(503, b'{"ok":false,"faults":["follow/1 is not open yet"]}'))
    assert check.verdict is Verdict.WRONG
    assert check.found.endswith(": follow/1 is not open yet")
    assert check.hint


def test_another_program_on_the_port_cannot_steer_the_terminal(serve: Serve) -> None:
    check = check_worker(serve(404, b"\x1b[2Jnot here"))
    assert check.verdict is Verdict.WRONG
    assert check.found.isprintable()


def test_no_worker_comes_with_what_to_start() -> None:
    check = check_worker(Settings(metrics_port=free_port()))
    assert check.verdict is Verdict.WRONG
    assert "pathline worker" in check.hint


def lags(raw: int, *, committed: bool) -> list[Verdict]:
    place = TopicPartition("raw", 0)
    idle = TopicPartition("interactions", 0)
    positions = {place: 5} if committed else {}
    return [c.verdict for c in tell_lags(AGENTS, {place: raw, idle: 0}, positions)]


@pytest.mark.parametrize(
    ("raw", "committed", "verdict"),
    [
        (0, False, Verdict.FINE),
        (1, False, Verdict.WRONG),
        (LAG_RECORDS_MAX, True, Verdict.FINE),
        (LAG_RECORDS_MAX + 1, True, Verdict.WRONG),
    ],
)
def test_lag_is_wrong_when_it_is_long_or_nobody_has_begun(
    raw: int, committed: bool, verdict: Verdict
) -> None:
    assert lags(raw, committed=committed) == [verdict, Verdict.FINE]
