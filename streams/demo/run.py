"""One run of the demo: send the feed, read the alerts, wait until nothing is left to be said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec
from aiokafka.structs import RecordMetadata

from models.errors import Unavailable
from streams.clock import Clock
from streams.codec import encode_event
from streams.dead_letters import load_letters
from streams.demo.feed import BROKEN, Feed, close
from streams.demo.tally import AlertSeen, Tally
from streams.demo.view import View
from streams.demo.worker import Figures, WorkerProcess
from streams.jsonl import HEADERS
from streams.reader import Reader, open_reader
from streams.record_text import record_text
from streams.sender import Sender
from streams.settings import Settings
from streams.topics import Topics

POLL_S = 0.2
READY_S_MAX = 60.0
STANDSTILL_S_MAX = 30.0  # nothing moves for so long: give up


async def wait_until_ready(worker: WorkerProcess, clock: Clock) -> None:
    """Raises Unavailable when the worker ends, or takes too long."""
    give_up = clock.steady_s() + READY_S_MAX
    while not await asyncio.to_thread(worker.is_ready):
        worker.check()
        if clock.steady_s() > give_up:
            raise Unavailable(f"the worker is not ready after {READY_S_MAX} s: see {worker.log}")
        await asyncio.sleep(POLL_S)


def feed_size(feed: Feed, settings: Settings) -> int:
    """All records that are sent: broken ones and the last of each partition too."""
    return len(feed.events) + len(BROKEN) + settings.partitions


async def play(
    settings: Settings, feed: Feed, rate: float, worker: WorkerProcess, view: View, clock: Clock
) -> Tally:
    """Feed the worker, and count what it says until it has said all.

    Raises Unavailable when Kafka or the worker fails, or nothing moves any more.
    """
    topics = Topics(settings)
    alerts = (topics.signals, topics.journey_breaks, topics.sla_breaches, topics.shadow_alerts)
    tally = Tally()
    async with open_reader(settings, *(topic.name for topic in alerts)) as reader:
        tasks = [
            asyncio.create_task(_read(reader, tally, view, clock)),
            asyncio.create_task(_send(settings, feed, rate, tally, view, clock)),
        ]
        try:
            await _drain(feed_size(feed, settings), tally, worker, view, clock, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    async for letter in load_letters(settings):
        tally.dead_letters[letter.told["reason"]] += 1
    return tally


async def _send(
    settings: Settings, feed: Feed, rate: float, tally: Tally, view: View, clock: Clock
) -> None:
    began = clock.steady_s()
    async with Sender(settings, settings.raw_topic, clock, rate) as sender:
        for event in (*feed.events, *close(feed, settings.partitions)):
            future = await sender.send(event.subject.encode(), encode_event(event), HEADERS)
            future.add_done_callback(partial(_appended, event.id, tally))
            view.sent(sender.sent)
        for value in BROKEN.values():
            await sender.send(None, value, HEADERS)
        view.sent(sender.sent)
    tally.sent_s = clock.steady_s() - began


def _appended(id: str, tally: Tally, done: asyncio.Future[RecordMetadata]) -> None:
    """The topics carry append times, so the broker tells one; a failure is told to who waits."""
    if done.cancelled() or done.exception():
        return
    append_ms = done.result().timestamp
    assert append_ms is not None
    tally.add_sent(id, append_ms)


async def _read(reader: Reader, tally: Tally, view: View, clock: Clock) -> None:
    async for record in reader.onward():
        alert = msgspec.json.decode(record.value or b"", type=AlertSeen)
        tally.add_alert(alert, clock.wall_ms())
        view.alert(record_text(record))


async def _drain(
    total: int,
    tally: Tally,
    worker: WorkerProcess,
    view: View,
    clock: Clock,
    tasks: Sequence[asyncio.Task[None]],
) -> None:
    """Until every record was followed, no deadline waits, and every alert was read."""
    before, moved_at = Figures(), clock.steady_s()
    while True:
        for task in tasks:
            if task.done() and (error := task.exception()):
                raise error
        worker.check()
        figures = await asyncio.to_thread(worker.load_figures)
        view.figures(figures)
        if _is_drained(figures, total, tally):
            return
        if figures != before:
            before, moved_at = figures, clock.steady_s()
        elif clock.steady_s() - moved_at > STANDSTILL_S_MAX:
            raise Unavailable(
                f"nothing has moved for {STANDSTILL_S_MAX:.0f} s: {figures} of {total} sent,"
                f" {tally.alerts.total()} alerts read; see {worker.log}"
            )
        await asyncio.sleep(POLL_S)


def _is_drained(figures: Figures, total: int, tally: Tally) -> bool:
    all_in = figures.read == total and figures.followed == figures.passed
    waiting = figures.lag or figures.overdue
    return all_in and not waiting and tally.alerts.total() >= figures.alerts
