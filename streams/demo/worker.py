"""The demo's worker: `pathline worker` as a process of its own, and its metrics as figures."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from models.errors import Unavailable
from streams.diagnosis import ask_worker
from streams.settings import Settings

COMMAND = (sys.executable, "-P", "-c", "from streams.cli import main; main()", "worker")
STOP_S = 15
LOG_LINES = 20


class Figures(NamedTuple):
    """read, passed: records that `ingest` looked at, and put on. followed: looked at by `follow`.
    alerts: published. lag: records. overdue: deadlines that wait for the clock."""

    read: int = 0
    passed: int = 0
    followed: int = 0
    alerts: int = 0
    lag: int = 0
    overdue: int = 0


class WorkerProcess:
    """Started on entry, ended on exit. log: the file that it writes."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._settings = settings
        self.log = log
        self.url = f"http://{settings.metrics_host}:{settings.metrics_port}"

    def __enter__(self) -> WorkerProcess:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                COMMAND, env=environment(self._settings), stdout=log, stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to pass on
            )  # fmt: skip
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def wait(self) -> None:
        """Until it ends."""
        self._process.wait()

    def check(self) -> None:
        """Raises Unavailable with the log's end when the process has ended."""
        code = self._process.poll()
        if code is not None:
            tail = self.log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
            raise Unavailable(
                "\n".join([f"the worker has ended with exit code {code}; {self.log}:", *tail])
            )

    def is_ready(self) -> bool:
        """What its /readyz says; not listening yet is not ready."""
        try:
            return ask_worker(self._settings, "/readyz")[0] == http.client.OK
        except Unavailable:
            return False

    def load_figures(self) -> Figures:
        """What its /metrics says. Raises Unavailable when it does not answer."""
        try:
            return parse_figures(ask_worker(self._settings, "/metrics")[1])
        except Unavailable:
            self.check()
            raise


def parse_figures(text: str) -> Figures:
    """
    >>> parse_figures('pathline_events_total{agent="follow",outcome="applied"} 5.0').followed
    5
    """
    sums = dict.fromkeys(Figures._fields, 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for name in _figures(sample.name, sample.labels):
                sums[name] += sample.value
    return Figures(**{name: round(value) for name, value in sums.items()})


def _figures(metric: str, labels: Mapping[str, str]) -> Sequence[str]:
    """The figures that a sample adds to."""
    match metric, labels.get("agent"), labels.get("outcome"):
        case "pathline_events_total", "ingest", "applied":
            return ["read", "passed"]
        case "pathline_events_total", "ingest", _:
            return ["read"]
        case "pathline_events_total", "follow", _:
            return ["followed"]
        case "pathline_alerts_total", _, _:
            return ["alerts"]
        case "pathline_lag_records", _, _:
            return ["lag"]
        case "pathline_deadlines_overdue", _, _:
            return ["overdue"]
    return []


def environment(settings: Settings) -> dict[str, str]:
    """This process's variables, with those of the settings in place of its own.

    >>> environment(Settings(app_id="demo-1"))["PATHLINE_APP_ID"]
    'demo-1'
    """
    ours = {}
    for name, value in settings:
        secret = isinstance(value, SecretStr)
        if value is not None:
            ours[f"PATHLINE_{name.upper()}"] = value.get_secret_value() if secret else str(value)
    others = {name: v for name, v in os.environ.items() if not name.startswith("PATHLINE_")}
    return others | ours
