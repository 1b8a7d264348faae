"""A run onto topics of its own, for services that want to be tried with it: never onto live ones.

    pathline.replay.RUN.signals.v1  …  pathline.replay.RUN.scores.v1

The topics must not be there yet, so nobody takes one run for another. Every record carries the
run's id, in the alert and as a header; the producers of live topics refuse such records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from models.alert import decode_alert
from models.errors import BadSetting
from streams.announce import CONTENT_TYPE
from streams.backtest.request import Request
from streams.backtest.runner import Ran
from streams.backtest.scored import decode_any
from streams.clock import SystemClock
from streams.connection import connect
from streams.kafka.admin import create
from streams.replay_guard import HEADER, replay_topic
from streams.sender import Sender
from streams.settings import Settings
from streams.topics import Topic, kept

Row = tuple[bytes, bytes, bytes]
"""Key, value, id."""


def check_free(request: Request) -> None:
    """Raises BadSetting when there are topics of a run of that name, Unavailable."""
    asyncio.run(_check_free(request.settings, request.run_id))


async def _check_free(settings: Settings, run: str) -> None:
    async with connect(settings) as admin:
        names = await admin.list_topics()
    there = sorted(
        name
        for name in names
        if name.startswith(replay_topic(settings, run, "").removesuffix(".v1"))
    )
    if there:
        raise BadSetting(
            f"{', '.join(there)} is there already: name the run anew with --run, or delete the"
            " topics of the run before"
        )


def send_run(request: Request, ran: Ran) -> dict[str, int]:
    """Records by topic. Raises Unavailable, and BadSetting when the broker refuses."""
    return asyncio.run(_send_run(request.settings, request.run_id, ran))


async def _send_run(settings: Settings, run: str, ran: Ran) -> dict[str, int]:
    topics = {short: replay_topic(settings, run, short) for short in _shorts(ran)}
    await _make(settings, list(topics.values()))
    sent = {}
    for short, topic in topics.items():
        async with Sender(settings, topic, SystemClock()) as sender:
            for key, value, id in _rows(ran, short):
                name = "score_id" if short == "scores" else "alert_id"
                headers = [(name, id), CONTENT_TYPE, (HEADER, run.encode())]
                await sender.send(key, value, headers)
            sent[topic] = sender.sent
    return sent


def _shorts(ran: Ran) -> list[str]:
    """The short names of the topics that it needs."""
    return [*sorted({*ran.topics.values()}), "scores"]


def _rows(ran: Ran, short: str) -> Iterator[Row]:
    if short == "scores":
        for line in _lines(ran.folder / "scores.jsonl"):
            score = decode_any(line)
            if score.replay:  # what the log holds was said when it was live
                yield score.account.encode(), line, score.score_id.encode()
        return
    for line in _lines(ran.folder / "alerts.jsonl"):
        alert = decode_alert(line)
        if ran.topics[alert.rule.id] == short:
            yield alert.account.encode(), line, alert.alert_id.encode()


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


async def _make(settings: Settings, names: list[str]) -> None:
    s = settings
    config = {"max.message.bytes": str(s.message_bytes_max), **kept(s.alerts_retention_d)}
    topics = [Topic(name, "a backtest", s.partitions, s.replication, config) for name in names]
    async with connect(settings) as admin:
        await create(admin, topics)
