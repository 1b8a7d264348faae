"""The embedded Kafka: a real Apache Kafka for the demo, the tests and a newcomer's first minute.

Off the data path. One KRaft node on loopback, run as a process of its own from locked jars;
`streams/kafka/` holds its parts. It outlives the command that started it, until `stop`.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import psutil

from models.errors import BadSetting, Unavailable
from streams.kafka.home import KafkaHome
from streams.kafka.launch import launch
from streams.kafka.port import answers, check_free, free_port
from streams.kafka.properties import HOST
from streams.settings import Settings

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
POLL_S = 0.05


class Started(StrEnum):
    """What `start` found and did."""

    STARTED = "started"
    ALREADY_RUNNING = "already running"
    AFTER_CRASH = "started; the run before had ended without a stop"


class Stopped(StrEnum):
    """What `stop` found and did."""

    STOPPED = "stopped"
    KILLED = "killed, since it did not stop in time"
    NOT_RUNNING = "not running"
    STALE = "not running; removed the pid file of a run that had ended without a stop"


class EmbeddedKafka:
    """One Kafka per folder; `start` and `stop` work across processes, by the pid file.

    home:  the folder; a path with spaces is fine
    port:  on 127.0.0.1; 0 takes a free one, which stays for the life of this object
    cache: folder of the jars
    extra: Kafka properties laid over ours
    cluster_id: of the cluster that it is a node of; empty: its own, drawn at the first start
    """

    def __init__(
        self,
        home: Path,
        port: int,
        cache: Path,
        extra: Mapping[str, str] | None = None,
        cluster_id: str = "",
    ) -> None:
        self.home = KafkaHome(home)
        self.port = port
        self._cache = cache
        self._extra = extra or {}
        self._cluster_id = cluster_id
        self._child: subprocess.Popen[bytes] | None = None  # when this object started it

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The pid of the running Kafka (to pause it, say); None when it does not run."""
        running = self._running()
        return running.pid if running else None

    def start(self) -> Started:
        """Start Kafka and wait until it answers: about 4 s, 2 s from the second start on.

        Raises Unavailable (the port is taken, jars are out of reach, Kafka ends or does not
        answer: with the log's last lines) and BadSetting (no Java, a jar that differs from the
        lock, the same folder on another port).
        """
        with self.home.locked():
            if running := self._running():
                self._adopt_port(running)
                if self._wait_until_it_answers(running.pid):
                    return Started.ALREADY_RUNNING
            crashed = self.home.pid_file.exists()
            self.port = self.port or free_port()
            check_free(self.port)
            self._child = launch(self.home, self.port, self._cache, self._extra, self._cluster_id)
            self.home.write_pid(self._child.pid, self.port)
            try:
                if not self._wait_until_it_answers(self._child.pid):
                    raise Unavailable(f"Kafka ended at once{self.home.log_tail()}")
            except BaseException:  # Ctrl-C too: no Kafka stays behind that nobody waits for
                self._stop()
                raise
            return Started.AFTER_CRASH if crashed else Started.STARTED

    def stop(self) -> Stopped:
        """End exactly the Kafka of this folder: SIGTERM, at most 20 s, then SIGKILL."""
        with self.home.locked():
            return self._stop()

    def kill(self) -> None:
        """SIGKILL, as a crash would; returns when it has ended."""
        if kafka := self._running():
            kafka.kill()
            self._wait_until_it_ends(kafka)

    def _stop(self) -> Stopped:
        kafka = self._running()
        if kafka is None:
            verdict = Stopped.STALE if self.home.pid_file.exists() else Stopped.NOT_RUNNING
        else:
            verdict = Stopped.STOPPED
            kafka.terminate()
            if not self._wait_until_it_ends(kafka):
                verdict = Stopped.KILLED
                kafka.kill()
                self._wait_until_it_ends(kafka)
        self.home.pid_file.unlink(missing_ok=True)
        return verdict

    def _running(self) -> psutil.Process | None:
        if self._child is not None and self._child.poll() is None:
            return psutil.Process(self._child.pid)
        return self.home.running()

    def _wait_until_it_answers(self, pid: int) -> bool:
        """False when it ends before it answers."""
        give_up = time.monotonic() + START_TIMEOUT_S
        while not answers(self.port):
            if self._running() is None:
                return False
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"Kafka (pid {pid}) does not answer on {self.bootstrap} after"
                    f" {START_TIMEOUT_S} s{self.home.log_tail()}"
                )
            time.sleep(POLL_S)
        return True

    def _wait_until_it_ends(self, kafka: psutil.Process) -> bool:
        ours = self._child if self._child and self._child.pid == kafka.pid else kafka
        try:
            ours.wait(STOP_TIMEOUT_S)
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            return False
        return True

    def _adopt_port(self, running: psutil.Process) -> None:
        _, port = self.home.read_pid()
        if self.port not in (0, port):
            raise BadSetting(
                f"the Kafka of {self.home.folder} already runs on port {port} (pid {running.pid}),"
                f" not {self.port}: stop it first (`pathline broker stop`), or set"
                f" PATHLINE_BROKER={HOST}:{port}"
            )
        self.port = port


def embedded_kafka(settings: Settings) -> EmbeddedKafka:
    """The embedded Kafka that the settings name. Raises BadSetting when they name another one."""
    host, _, port = settings.broker.rpartition(":")
    if host not in (HOST, "localhost") or not port.isdigit() or settings.security != "PLAINTEXT":
        raise BadSetting(
            f"PATHLINE_BROKER={settings.broker} with PATHLINE_SECURITY={settings.security} is a"
            f" Kafka of yours, not the embedded one: that listens in PLAINTEXT on {HOST}:<port>"
        )
    return EmbeddedKafka(
        settings.state_dir / "kafka", int(port), settings.cache_dir.expanduser() / "jars"
    )
