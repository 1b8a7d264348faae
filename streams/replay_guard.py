"""Keeps what a backtest says away from live topics: each record of a run carries the run's id.

Beside the producers, which ask here. Nobody downstream could tell an alert of last quarter that was
computed today from one that is true now.
"""

from __future__ import annotations

from models.errors import BadInput
from streams.job import Headers
from streams.settings import Settings

HEADER = "pathline-replay"


class ReplayRefused(AssertionError):
    """A bug of whoever hands it over: what a run says is on its way to a live topic."""


def replay_topic(settings: Settings, run: str, short: str) -> str:
    """Where a run may say what live says on `short`.

    >>> replay_topic(Settings(topic_prefix="pathline."), "q1", "signals")
    'pathline.replay.q1.signals.v1'
    """
    return f"{settings.topic_prefix}replay.{run}.{short}.v1"


def refuse_said(replay: str | None) -> None:
    """For whoever announces live: `replay` of an alert or score. Raises ReplayRefused."""
    if replay is not None:
        raise ReplayRefused(f"what run {replay} says is not announced as live")


def refuse_record(prefix: str, topic: str, headers: Headers) -> None:
    """For whoever sends records of others. Raises BadInput for one of a run on its way elsewhere.

    prefix: of our topics.

    >>> refuse_record("pathline.", "pathline.replay.q1.signals.v1", [(HEADER, b"q1")])
    >>> refuse_record("pathline.", "pathline.signals.v1", [(HEADER, b"q1")])
    Traceback (most recent call last):
        ...
    models.errors.BadInput: of_a_replay: a record of run q1 does not go to pathline.signals.v1
    """
    for name, value in headers:
        if name == HEADER and not topic.startswith(f"{prefix}replay."):
            run = value.decode("utf-8", "replace")
            raise BadInput("of_a_replay", f"a record of run {run} does not go to {topic}")
