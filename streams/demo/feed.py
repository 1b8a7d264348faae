"""What the demo sends: a real service desk log and simulated B2B accounts, as one feed.

The clock of a partition is its highest event time, so both must be sorted by time together: years
of incidents behind the simulated month would all be late. The log is moved by a whole number of
weeks, which keeps its weekdays, to end in the last week of the simulation. Event times are long
past, so the wall clock must stay out of it (`stage`); an event in each partition, half a year after
the last, lets the clock run on and the last deadlines fall due.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain, count
from typing import NamedTuple

import msgspec
from aiokafka.partitioner import murmur2

from models.event import CloudEvent
from streams.simulator import START, simulate
from streams.sources.service_desk import load

ACCOUNTS, DAYS = 100, 28
WEEK = timedelta(weeks=1)
CLOSE_AFTER = timedelta(days=180)  # longer than any deadline, and until momentum has faded
BROKEN = {
    "not_json": b"{broken on purpose",
    "no_time_zone": b'{"specversion":"1.0","id":"1","source":"//demo/broken","type":"page.viewed",'
    b'"time":"2026-03-02T09:00:00","subject":"account-0001"}',
    "no_account": b'{"specversion":"1.0","id":"2","source":"//demo/broken","type":"page.viewed",'
    b'"time":"2026-03-02T09:00:00Z"}',
}
"""Records that must end in the dead letters, by the reason that is told there."""


class Feed(NamedTuple):
    """events: sorted by time. desk, simulated: how many of each. weeks: the log was moved by."""

    events: list[CloudEvent]
    desk: int
    simulated: int
    weeks: int

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Event times of the first and the last."""
        return self.events[0].time, self.events[-1].time


def load_feed(seed: int) -> Feed:
    """The same seed gives the same feed.

    >>> feed = load_feed(7)
    >>> feed.desk + feed.simulated == len(feed.events)
    True
    """
    played = list(simulate(seed, ACCOUNTS, START, DAYS))
    log = load()
    weeks = (played[-1].time - log[-1].time) // WEEK
    moved = [msgspec.structs.replace(event, time=event.time + weeks * WEEK) for event in log]
    events = sorted(chain(moved, played), key=lambda event: event.time)
    return Feed(events, len(log), len(played), weeks)


def close(feed: Feed, partitions: int) -> list[CloudEvent]:
    """An event for each partition, long after the feed's last; accounts that hash there.

    >>> feed = Feed([event for event in simulate(7, 1, START, DAYS)], 0, 1, 0)
    >>> [event.subject for event in close(feed, 2)]
    ['demo-end-0', 'demo-end-2']
    """
    at = feed.span[1] + CLOSE_AFTER
    found: dict[int, CloudEvent] = {}
    for number in count():
        account = f"demo-end-{number}"
        partition = (murmur2(account.encode()) & 0x7FFFFFFF) % partitions
        found.setdefault(partition, _end(account, at))
        if len(found) == partitions:
            return [found[p] for p in range(partitions)]
    raise AssertionError("count() has no end")


def _end(account: str, at: datetime) -> CloudEvent:
    return CloudEvent(
        specversion="1.0",
        id=account,
        source="//demo/clock",
        type="demo.ended",
        time=at,
        subject=account,
        actorkind="system",
    )
