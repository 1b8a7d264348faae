"""A program under measurement: a process of its own, and what the system says it has used.

The worker and the plain Faust agent are measured with this same ruler, from outside.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

STOP_TIMEOUT_S = 20
LOG_LINES = 15


class Ended(Exception):
    """The program ended by itself; the message has the end of its log."""


class Program:
    """Started at once; leaving it ends it. Its output goes to the file `log`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.rss_max_bytes = 0
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the benchmark, which ends us
            )
        self._seen = psutil.Process(self._child.pid)

    def cpu_s(self) -> float:
        """User and system time so far, in 10 ms. Notes the memory too. Raises Ended."""
        if self._child.poll() is not None:
            lines = self._log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
            raise Ended("\n".join([f"exit {self._child.returncode}; {self._log}:", *lines]))
        self.rss_max_bytes = max(self.rss_max_bytes, self._seen.memory_info().rss)
        return cpu_s(self._seen)

    def kill(self) -> None:
        """SIGKILL; returns when it has ended."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen."""
        self._child.terminate()
        try:
            self._child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def cpu_s(process: psutil.Process) -> float:
    """User and system time of a process so far, s."""
    times = process.cpu_times()
    return times.user + times.system
