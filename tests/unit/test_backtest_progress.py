"""What a run shows on its way, how it hears that it is to stop, and what it does not import."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from multiprocessing import Pipe
from threading import Thread
from typing import Any

import pytest
from rich.console import Console

from models.errors import BadSetting, Unavailable
from streams.backtest import console
from streams.backtest.console import Stop, lead_text, progress, stopping
from streams.backtest.topic import Progress, Topic, listen


def test_a_terminal_sees_how_far_it_is_and_how_many_events_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=screen, force_terminal=True, width=120))
    with progress("backtest", Stop()) as look:
        assert look(1_234, 0.5) is False
    shown = screen.getvalue()
    assert "50%" in shown
    assert "1,234 events" in shown
    assert "to go" in shown


def test_a_log_file_sees_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=screen, force_terminal=False))
    with progress("backtest", Stop()) as look:
        look(1_234, 0.5)
    assert screen.getvalue() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop_and_the_second_ends_it(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping() as stop, progress("backtest", stop) as look:
        assert look(1, 0.1) is False
        signal.raise_signal(number)
        assert look(2, 0.2) is True
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


class Lanes:
    """Two processes of a topic, played by threads: pipes to them, and what they do."""

    def __init__(self, *plays: Any) -> None:
        pairs = [Pipe() for _ in plays]
        self.ours = [ours for ours, _ in pairs]
        self._threads = [
            Thread(target=play, args=(theirs,))
            for play, (_, theirs) in zip(plays, pairs, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        for thread in self._threads:
            thread.join(10)
        for pipe in self.ours:
            pipe.close()


TOPIC = Topic("pathline.interactions.v1", [0, 1], 100)


def reads(pipe: Any) -> None:
    """Reads until it is told to stop, and says how far it came."""
    pipe.send(Progress(30, 40))
    assert pipe.recv() == "stop"
    pipe.send(["as far as it came"])


def has_ended(pipe: Any) -> None:
    pipe.send(["all of it"])


def test_the_processes_of_a_topic_are_told_to_stop_and_say_how_far_they_came() -> None:
    lanes = Lanes(reads, has_ended)
    looks: list[tuple[int, float]] = []

    def look(events: int, done: float) -> bool:
        looks.append((events, done))
        return events > 0

    stopped, results = listen(lanes.ours, TOPIC, look)
    lanes.end()
    assert stopped
    assert results == [["as far as it came"], ["all of it"]]
    assert (30, 0.4) in looks


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (("error", "BadSetting", "no key"), BadSetting),
        (("error", "Unavailable", "no Kafka"), Unavailable),
        (("error", "", "a bug"), RuntimeError),
    ],
)
def test_what_a_process_cannot_do_is_told_by_its_name(told: Any, error: type[Exception]) -> None:
    lanes = Lanes(lambda pipe: pipe.send(told))
    with pytest.raises(error, match=told[2]):
        listen(lanes.ours, TOPIC, lambda events, done: False)
    lanes.end()


def test_a_process_that_dies_is_no_result() -> None:
    lanes = Lanes(lambda pipe: pipe.close())
    with pytest.raises(RuntimeError, match="died"):
        listen(lanes.ours, TOPIC, lambda events, done: False)
    lanes.end()


@pytest.mark.parametrize(
    "module", ["streams.commands.backtest", "streams.backtest.processes", "streams.backtest"]
)
def test_the_command_line_and_the_processes_import_nothing_that_is_slow(module: str) -> None:
    code = (
        f"import {module}, sys; print(sorted({{'polars', 'plotly', 'pyarrow'}} & {{*sys.modules}}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_lead_has_the_unit_that_fits() -> None:
    assert [lead_text(s) for s in (59.4, 3_600, 86_399, 86_400, None)] == [
        "59 s", "1.0 h", "24.0 h", "1.0 d", "-",
    ]  # fmt: skip
