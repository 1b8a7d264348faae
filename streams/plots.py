"""What the simulator plays on purpose: the five signals of the demo's rules, and near misses.

Ahead of the raw topic, beside `simulator.py`. Each plot is a script for one account: beats at
local times. A near miss differs from its signal in one point that a careless rule would overlook,
and must stay silent; so alerts can be compared with what was planted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")  # where the legal and the service desk of the demo sit
SCRIPT_DAYS = 14  # the longest script, the trial, with its start's day
SATURDAY = 5

Signal = Literal[
    "competitor-then-paper", "silent-trial", "contract-unanswered", "second-inquiry", "slow-service"
]


class Beat(NamedTuple):
    """One event of a script. at: with a zone."""

    at: datetime
    type: str
    data: dict[str, Any]
    actor: str = "customer"


@dataclass(frozen=True)
class Life:
    """The frame of one account. first, days: the local days that are simulated."""

    account: str
    zone: ZoneInfo
    first: date
    days: int
    chance: Random

    def morning(self, room_days: int, zone: ZoneInfo | None = None) -> datetime:
        """Between 09:30 and 09:59 local time, Monday to Thursday, `room_days` before the end."""
        days = [self.first + timedelta(days=n) for n in range(max(1, self.days - room_days))]
        day = self.chance.choice([d for d in days if d.weekday() < SATURDAY - 1] or days)
        at = time(9, 30 + self.chance.randrange(30), self.chance.randrange(60))
        return datetime.combine(day, at, zone or self.zone)


Script = Callable[[Life], Iterator[Beat]]


@dataclass(frozen=True)
class Plot:
    """signal: what it plays, None for an ordinary account. fires: whether a rule must say so."""

    name: str
    signal: Signal | None
    fires: bool
    script: Script


def _compare(dwell_s: int, paper_after_s: int, *, between: str | None = None) -> Script:
    def script(life: Life) -> Iterator[Beat]:
        at = life.morning(1)
        yield Beat(at, "page.viewed", {"page": "competitor-compare", "dwell_s": dwell_s})
        if between:
            yield Beat(at + timedelta(seconds=60), "page.viewed", {"page": between, "dwell_s": 20})
        paper = {"document": "security-whitepaper"}
        yield Beat(at + timedelta(seconds=paper_after_s), "document.downloaded", paper)

    return script


def _trial(*, used_day: int | None = None, ended_day: int | None = None) -> Script:
    """used_day: the first local day after the start's on which the customer uses a feature."""

    def script(life: Life) -> Iterator[Beat]:
        at = life.morning(SCRIPT_DAYS)
        trial = {"trial": f"trial-{life.account}"}
        yield Beat(at, "trial.started", trial)
        yield Beat(at + timedelta(days=3), "feature.used", {"feature": "tour"}, actor="rep")
        if used_day is not None:
            late = datetime.combine(at.date() + timedelta(days=used_day), time(23, 30), life.zone)
            yield Beat(late, "feature.used", {"feature": "report"})
        if ended_day is not None:
            yield Beat(at + timedelta(days=ended_day), "trial.ended", trial)

    return script


def _contract(*replied_after_m: int) -> Script:
    """One revision of a contract for each reply: minutes after the revision; 0: no reply."""

    def script(life: Life) -> Iterator[Beat]:
        at = life.morning(2, SHANGHAI)
        for revision, minutes in enumerate(replied_after_m, 1):
            data = {"contract_id": f"C-{life.account}-{revision}", "revision": revision}
            yield Beat(at, "contract.revision_received", data)
            if minutes:
                reply = at + timedelta(minutes=minutes)
                yield Beat(reply, "legal.replied", data, actor="rep")
            at += timedelta(minutes=10)

    return script


def _inquiries(*after_h: int) -> Script:
    """A quote, and legal inquiries so many hours after it."""

    def script(life: Life) -> Iterator[Beat]:
        at = life.morning(10)
        quote = {"quote_id": f"Q-{life.account}"}
        amount = life.chance.randrange(20, 900) * 1_000
        yield Beat(at, "quote.sent", quote | {"amount": amount}, actor="rep")
        for hours in after_h:
            topic = life.chance.choice(("liability", "data protection", "termination"))
            yield Beat(at + timedelta(hours=hours), "legal.inquiry_received", quote | {"on": topic})

    return script


def _service(*replied_after_m: int) -> Script:
    """A service ticket, and replies so many minutes after it."""

    def script(life: Life) -> Iterator[Beat]:
        at = life.morning(4, SHANGHAI)
        ticket = {"ticket": f"S-{life.account}"}
        yield Beat(at, "service.ticket_opened", ticket | {"priority": life.chance.randint(1, 4)})
        for minutes in replied_after_m:
            yield Beat(at + timedelta(minutes=minutes), "service.replied", ticket, actor="rep")

    return script


PLOTS: tuple[Plot, ...] = (
    Plot("compares, then takes the paper", "competitor-then-paper", True, _compare(240, 300)),
    Plot("trial silent, then used", "silent-trial", True, _trial(used_day=13)),
    Plot("contract answered after 4 h", "contract-unanswered", True, _contract(240)),
    Plot("inquiries on days 1 and 4", "second-inquiry", True, _inquiries(20, 4 * 24 + 2)),
    Plot("first reply after a day", "slow-service", True, _service(26 * 60)),
    Plot("compares for exactly 180 s", "competitor-then-paper", False, _compare(180, 240)),
    Plot("trial used at the end of day 11", "silent-trial", False, _trial(used_day=11)),
    Plot("contract answered in 110 min", "contract-unanswered", False, _contract(110)),
    Plot("inquiries on days 1 and 2", "second-inquiry", False, _inquiries(20, 49)),
    Plot("first reply in 15 min", "slow-service", False, _service(15, 26 * 60)),
    Plot("compares, looks elsewhere, then takes the paper", "competitor-then-paper", False,
         _compare(240, 300, between="pricing")),
    Plot("trial silent and left", "silent-trial", True, _trial()),
    Plot("one of two contracts never answered", "contract-unanswered", True, _contract(45, 0)),
    Plot("one inquiry, on day 4", "second-inquiry", False, _inquiries(4 * 24 + 2)),
    Plot("never answered", "slow-service", True, _service()),
    Plot("takes the paper exactly 10 min later", "competitor-then-paper", False,
         _compare(240, 600)),
    Plot("trial ended on day 5", "silent-trial", False, _trial(ended_day=5)),
    Plot("two contracts answered in time", "contract-unanswered", False, _contract(45, 100)),
    Plot("inquiries on days 1 and 8", "second-inquiry", False, _inquiries(20, 8 * 24)),
    Plot("nothing out of the ordinary", None, False, lambda life: iter(())),
)  # fmt: skip
