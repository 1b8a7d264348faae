"""The worker ends by itself when Faust or aiokafka would wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import faust
import pytest
from faust.types import TP

from streams import faust_app
from streams.checkpoint import BROKEN
from streams.faust_app import ANSWER_S_MAX, PathlineApp
from tests.contract.test_faust import SETTINGS, making


class Died(Exception):
    pass


def die(code: int, message: str) -> NoReturn:
    raise Died(code, message)


class Stopped:
    """A clock that is set by hand."""

    now_s = 0.0

    def steady_s(self) -> float:
        return self.now_s


@pytest.fixture
async def app(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(faust_app, "WATCH_S", 0.0)
    monkeypatch.setattr(faust_app, "STOP_S", 0.0)
    with making(SETTINGS) as made:
        made.clock = Stopped()  # type: ignore[assignment]  # all that is asked of it
        made.die = die
        yield made


async def test_a_consumer_that_does_not_answer_ends_the_worker(app: Any) -> None:
    app.consumer.asked_at = 0.0
    app.clock.now_s = ANSWER_S_MAX + 1
    with pytest.raises(Died, match="has not answered") as died:
        await app.watch_group()
    assert died.value.args[0] == BROKEN


async def test_a_consumer_that_is_not_asked_owes_no_answer(app: Any) -> None:
    app.clock.now_s = ANSWER_S_MAX + 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(app.watch_group(), 0.05)


@pytest.mark.parametrize(("crashed", "code"), [(False, 0), (True, BROKEN)])
async def test_clients_that_do_not_stop_are_left_behind_after_the_last_checkpoints(
    app: PathlineApp, monkeypatch: pytest.MonkeyPatch, crashed: bool, code: int
) -> None:
    died: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def hang(self: faust.App) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(faust.App, "on_stop", hang)
    monkeypatch.setattr(app, "die", lambda code, message: died.set_result(code))
    if crashed:
        app._crash(RuntimeError())
    stopping = asyncio.ensure_future(app.on_stop())
    assert await asyncio.wait_for(died, 5) == code
    stopping.cancel()


async def test_a_question_that_failed_is_over(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(active: object, timeout: float) -> NoReturn:  # noqa: ASYNC109 - Faust's own
        raise OSError("the broker is gone")

    monkeypatch.setattr(app.consumer, "_getmany", fail)
    monkeypatch.setattr(app.consumer, "_get_active_partitions", lambda: {TP("raw", 0)})
    app.rebalancing = False
    app.consumer.resume_flow()
    with pytest.raises(OSError, match="gone"):
        await anext(app.consumer.getmany(1.0))
    assert app.consumer.asked_at is None
