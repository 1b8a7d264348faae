"""A worker with two bugs that put the payload into their exceptions, as careless code does.

An event `engine.broken` breaks the engine, a record with `ingest.broken` in it breaks ingest.
"""

from __future__ import annotations

from typing import Any

from models.event import Event
from rules.loader import load
from rules.partition import Partition
from streams.agents import ingest
from streams.settings import load_settings
from streams.worker import serve

advance, parse_raw = Partition.advance, ingest.parse_raw


def advance_or_break(self: Partition, event: Event) -> Any:
    if event.type == "engine.broken":
        raise ValueError(f"what is {event}?")
    return advance(self, event)


def parse_or_break(record: Any, limits: Any) -> Any:
    if b"ingest.broken" in (record.value or b""):
        raise RuntimeError(f"what is {record.key} {record.value}?")
    return parse_raw(record, limits)


if __name__ == "__main__":
    Partition.advance = advance_or_break  # type: ignore[method-assign]
    ingest.parse_raw = parse_or_break
    settings = load_settings()
    serve(settings, ["ingest", "follow"], load(settings.rules, settings.calendars))
