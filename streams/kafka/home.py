"""The folder of one embedded Kafka: all that is known about it between two commands."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from models.errors import BadSetting

LOG_LINES = 12


class KafkaHome:
    """`data/` (formatted once, so the cluster id stays), `server.properties`, `kafka.log` (and
    the run before in `kafka.log.1`), `kafka.pid` ("pid port"), `lock`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.properties = self.folder / "server.properties"
        self.log = self.folder / "kafka.log"
        self.pid_file = self.folder / "kafka.pid"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One start or stop at a time; a second one waits here for the first."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise BadSetting(
                f"{self.folder} cannot be written ({error.strerror}); set PATHLINE_STATE_DIR to a"
                " folder that can"
            ) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def running(self) -> psutil.Process | None:
        """The Kafka of the pid file, if that pid lives and really is the Kafka of this folder."""
        pid, _ = self.read_pid()
        try:
            kafka = psutil.Process(pid) if pid else None
            if kafka and kafka.status() != psutil.STATUS_ZOMBIE:
                return kafka if str(self.properties) in kafka.cmdline() else None
        except psutil.Error:  # gone, or another user's: not ours
            pass
        return None

    def read_pid(self) -> tuple[int, int]:
        """pid and port; zeros when there is no file. Raises BadSetting when it holds neither."""
        try:
            pid, port = map(int, self.pid_file.read_text("utf-8").split())
        except FileNotFoundError:
            return 0, 0
        except ValueError:
            raise BadSetting(
                f"{self.pid_file} should hold 'pid port' of the embedded Kafka but does not;"
                " see that none runs (`ps`), then delete the file"
            ) from None
        return pid, port

    def write_pid(self, pid: int, port: int) -> None:
        self.pid_file.write_text(f"{pid} {port}\n", "utf-8")

    def renew_log(self) -> None:
        """Keep the log of the run before, and no older one."""
        if self.log.exists():
            os.replace(self.log, self.log.with_suffix(".log.1"))

    def log_tail(self) -> str:
        """The last lines of the log, as the end of an error."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return "".join([f"; the end of {self.log}:", *(f"\n  {x}" for x in lines[-LOG_LINES:])])
