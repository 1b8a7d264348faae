"""What the shell relies on inside mode-streaming 0.7.1."""

from __future__ import annotations

import inspect
import logging

import pytest
from faust.worker import Worker
from mode import Service
from mode.worker import Worker as ModeWorker

from streams.faust_app import make_app
from streams.settings import Settings
from streams.worker import PathlineWorker


async def test_the_worker_leaves_logs_streams_and_signals_to_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers = list(logging.root.handlers)
    worker = PathlineWorker(make_app(Settings(), "contract"))
    installed: list[int] = []
    monkeypatch.setattr(
        type(worker.loop), "add_signal_handler", lambda self, number, call: installed.append(number)
    )
    await worker.default_on_first_start()
    assert logging.root.handlers == handlers
    assert sorted(installed) == [2, 15], "no debugger behind SIGUSR2"
    assert worker.spinner is None


def test_a_signal_stops_and_a_crash_is_kept() -> None:
    source = inspect.getsource(ModeWorker)
    assert "await self.stop()" in source
    assert "raise self.crash_reason" in source
    assert hasattr(Service, "crash")
    assert "SystemExit" in inspect.getsource(ModeWorker.execute_from_commandline)


def test_services_given_to_the_worker_start_before_the_app() -> None:
    assert "chain(self.services, [self.app])" in inspect.getsource(Worker.on_init_dependencies)


def test_a_service_keeps_the_logger_that_its_class_names() -> None:
    named = logging.getLogger("contract.named")
    made = type("Named", (Service,), {"logger": named, "abstract": False})
    assert made.logger is named
