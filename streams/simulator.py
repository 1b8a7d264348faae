"""A seeded simulator of B2B accounts: what their people read, download, try, ask and sign.

Ahead of the raw topic: the second feed of the demo. Pure: the same arguments give the same events,
ids included, on every machine. Every account has background noise and plays one plot of `plots.py`,
so it is known beforehand which alerts must come (`cast`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from models.event import CloudEvent
from streams.plots import PLOTS, SATURDAY, SCRIPT_DAYS, Beat, Life, Plot

START = date(2026, 3, 2)  # a Monday, in the years of the calendars
ZONES = tuple(map(ZoneInfo, ("Asia/Shanghai", "Europe/Berlin", "America/New_York")))
DAYS_MIN = SCRIPT_DAYS + 1
QUIET = timedelta(minutes=30)  # around a beat there is no noise: it would be part of the plot
NOISE_WEEKDAY_MAX, NOISE_WEEKEND_MAX = 5, 1  # events a day and account
PAGES = ("pricing", "docs", "blog", "case-studies", "competitor-compare", "careers")
DOCUMENTS = ("datasheet", "price-list", "api-guide", "terms")
KEYWORDS = ("budget", "rollout", "integration", "roadmap", "support")
FEEDS = {
    "page": "web",
    "document": "web",
    "email": "marketing",
    "meeting": "meetings",
    "trial": "product-usage",
    "feature": "product-usage",
    "contract": "contracts",
    "legal": "legal",
    "quote": "crm",
    "service": "service",
}


def account_name(index: int) -> str:
    """
    >>> account_name(17)
    'account-0017'
    """
    return f"account-{index:04}"


def cast(accounts: int) -> dict[str, Plot]:
    """The plot that each account plays: what a perfect set of rules would say.

    >>> [plot.fires for plot in cast(6).values()]
    [True, True, True, True, True, False]
    """
    return {account_name(i): PLOTS[i % len(PLOTS)] for i in range(accounts)}


def simulate(seed: int, accounts: int, start: date, days: int) -> Iterator[CloudEvent]:
    """Events sorted by time, from the local days `start` to `start + days - 1` of each account.

    An account's life depends on seed, index, start and days only, not on how many others there are.
    All events are in memory at once (about 1 kB each). Raises ValueError when `days` is below 15:
    a plot needs that long.

    >>> events = list(simulate(7, 20, date(2026, 3, 2), 28))
    >>> events == list(simulate(7, 20, date(2026, 3, 2), 28))
    True
    """
    if days < DAYS_MIN:
        raise ValueError(f"{days} days are too few: a trial needs {DAYS_MIN} to play")
    events: list[CloudEvent] = []
    for index, (account, plot) in enumerate(cast(accounts).items()):
        chance = Random(f"{seed}/{index}")  # noqa: S311 - a play, no secret
        life = Life(account, ZONES[index % len(ZONES)], start, days, chance)
        events += _play(life, plot, seed)
    yield from sorted(events, key=lambda event: event.time)


def _play(life: Life, plot: Plot, seed: int) -> Iterator[CloudEvent]:
    beats = list(plot.script(life))
    in_trial = any(beat.type == "trial.started" for beat in beats)
    noise = [
        beat
        for beat in _noise(life)
        if all(abs(beat.at - played.at) > QUIET for played in beats)
        and not (in_trial and beat.type == "feature.used")
    ]
    for number, beat in enumerate(sorted(beats + noise, key=lambda beat: beat.at)):
        yield CloudEvent(
            specversion="1.0",
            id=f"{seed}-{life.account}-{number}",
            source=f"//demo/simulator/{FEEDS[beat.type.partition('.')[0]]}",
            type=beat.type,
            time=beat.at,
            subject=life.account,
            data=beat.data,
            actorkind=beat.actor,
            provenance="captured",
            accounttz=life.zone.key,
        )


def _noise(life: Life) -> Iterator[Beat]:
    """What happens anyway, from 8 to 19 o'clock; none of it completes a signal."""
    chance = life.chance
    for n in range(life.days):
        day = life.first + timedelta(days=n)
        most = NOISE_WEEKDAY_MAX if day.weekday() < SATURDAY else NOISE_WEEKEND_MAX
        for _ in range(chance.randint(0, most)):
            at = time(chance.randrange(8, 19), chance.randrange(60), chance.randrange(60))
            type, data = _everyday(chance)
            yield Beat(datetime.combine(day, at, life.zone), type, data)


def _everyday(chance: Random) -> tuple[str, dict[str, Any]]:
    match chance.choice(("page", "page", "page", "document", "email", "meeting", "feature")):
        case "page":
            data = {"page": chance.choice(PAGES), "dwell_s": chance.randint(2, 400)}
            return "page.viewed", data
        case "document":
            return "document.downloaded", {"document": chance.choice(DOCUMENTS)}
        case "email":
            return "email.opened", {"campaign": f"spring-{chance.randint(1, 4)}"}
        case "meeting":
            words = sorted(chance.sample(KEYWORDS, 2))
            return "meeting.held", {"minutes": chance.choice((30, 45, 60)), "keywords": words}
        case _:
            return "feature.used", {"feature": chance.choice(("report", "export", "search"))}
