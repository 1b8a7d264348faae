"""Start the Java process of the embedded Kafka; format its storage before the first start."""

from __future__ import annotations

import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from models.errors import BadSetting, Unavailable
from streams.kafka.home import KafkaHome
from streams.kafka.jars import load_jars
from streams.kafka.java import find_java
from streams.kafka.port import free_port
from streams.kafka.properties import server_properties, write_properties

LOGGING = Path(__file__).resolve().parent.parent / "data" / "log4j2.properties"
FORMAT_TIMEOUT_S = 60


def launch(
    home: KafkaHome, port: int, cache: Path, extra: Mapping[str, str], cluster_id: str = ""
) -> subprocess.Popen[bytes]:
    """The process, just started; it does not answer yet. Raises BadSetting and Unavailable.

    cluster_id: for the first start of a node; empty draws one.
    """
    if "," in str(home.data):
        raise BadSetting(f"Kafka reads a comma in a path as two folders: move {home.folder}")
    java = find_java(os.environ)
    command = [
        str(java),
        "-Xmx512m",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOGGING.as_uri()}",
        "-cp",
        os.pathsep.join(map(str, load_jars(cache))),
    ]
    write_properties(home.properties, server_properties(home.data, port, free_port(), extra))
    home.renew_log()
    if not (home.data / "meta.properties").exists():
        _format(home, command, cluster_id or draw_cluster_id())
    with home.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command line
            [*command, "kafka.Kafka", str(home.properties)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the demo's terminal is not meant for Kafka
        )


def _format(home: KafkaHome, command: list[str], cluster_id: str) -> None:
    arguments = ["format", "--cluster-id", cluster_id, "--config", str(home.properties)]
    with home.log.open("ab") as log:
        run = subprocess.run(  # noqa: S603 - our own command line
            [*command, "kafka.tools.StorageTool", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=FORMAT_TIMEOUT_S,
            check=False,
        )
    if run.returncode:
        raise Unavailable(f"Kafka could not format {home.data}{home.log_tail()}")


def draw_cluster_id() -> str:
    """A new cluster id: a uuid as Kafka writes it, not led by a dash (it is an argument)."""
    return "P" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
