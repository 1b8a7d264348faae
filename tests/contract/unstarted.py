"""An app that is never started, for a look inside."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from faust.types import TP

from streams.faust_app import PathlineApp, make_app
from streams.settings import Settings

SETTINGS = Settings(app_id="contract", partitions=4)
SOURCE = TP("raw", 0)


@contextmanager
def making(settings: Settings) -> Iterator[PathlineApp]:
    """An app that is never started: nothing listens and nothing connects."""
    made = make_app(settings, settings.app_id)
    made.batch_topics = frozenset({"raw"})
    yield made
    if made._consumer is not None:
        made.consumer._thread.thread_loop.close()  # type: ignore[attr-defined]


def in_order(function: Any, *needles: str) -> None:
    """The source of the function mentions these in this order."""
    places = [inspect.getsource(function).find(needle) for needle in needles]
    assert -1 not in places, (needles, places)
    assert places == sorted(places)
