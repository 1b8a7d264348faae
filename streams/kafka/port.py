"""Ports of loopback: whether a Kafka answers on one, whether one is free."""

from __future__ import annotations

import socket
import struct
import time

from models.errors import Unavailable
from streams.kafka.properties import HOST

API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # size, key, version, correlation, client
ANSWER_TIMEOUT_S = 2
RELEASE_TIMEOUT_S = 3  # a killed Kafka holds its port for some ms
POLL_S = 0.05


def answers(port: int) -> bool:
    """Whether a Kafka answers an ApiVersions request on this port of 127.0.0.1.

    Kafka opens the port when it is ready for requests, not before.
    """
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as client:
            client.sendall(API_VERSIONS)
            reply = client.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(reply) == 8 and struct.unpack(">ii", reply)[1] == 1


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as server:
        server.bind((HOST, 0))
        port: int = server.getsockname()[1]
        return port


def check_free(port: int) -> None:
    """Raises Unavailable when someone else listens on the port, for longer than a dying process."""
    give_up = time.monotonic() + RELEASE_TIMEOUT_S
    while (fault := _try_bind(port)) is not None:
        kafka = answers(port)
        if kafka or time.monotonic() > give_up:
            raise Unavailable(
                f"port {port} of {HOST} is taken by another {'Kafka' if kafka else 'program'}"
                f" ({fault.strerror}): end it, or set PATHLINE_BROKER={HOST}:<a free port>"
            )
        time.sleep(POLL_S)


def _try_bind(port: int) -> OSError | None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not stopped by TIME_WAIT
        try:
            server.bind((HOST, port))
        except OSError as error:
            return error
    return None
