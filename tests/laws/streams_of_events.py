"""Random logs, for laws: small worlds in which things often happen at once.

Off the data path. Everything lies on a grid of hours (times, goals, gaps, opening hours), with a
millisecond or half an hour beside it now and then. So deadlines are hit exactly, times tie, late
events fall inside and outside of what rules accept, and days end where clocks change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.laws.random_rules import NIGHT, OFFICE, TYPES, Form, rules

HOUR_MS = 3_600_000
STARTS = [  # a Friday each but the last: weekends with a change of clocks, the end of a year
    "2026-03-06T07:00:00+00:00",  # America on Sunday
    "2026-03-27T15:00:00+00:00",  # Europe on Sunday
    "2026-10-30T11:00:00+00:00",  # America on Sunday, back
    "2026-12-30T09:00:00+00:00",
]
STEPS_H = [*[0, 1] * 5, 2, 2, 3, 3, 24]  # how far time goes on before an event
LATE_H = [*[0] * 7, 1, 2, 3, 4, 5, 6, 8, 12]
BESIDE_MS = [0, 0, 0, 0, 1, 999, HOUR_MS // 2]
WHO = list(product([*TYPES, *TYPES[:2], *TYPES[:2], "x.other"], ["ann", "ann", "ann", "bob"]))
DATA: list[Form] = [
    {"n": n, **more}
    for more, n in product(
        [{}, {"v": 0}, {"v": 1}, {"v": 1, "w": 1}, {"v": 2, "w": 2}, {"w": "text"}],
        [*[1] * 6, 2, 2, "1", None],
    )
]
AGAIN = [*[0] * 7, 1, 2, 5]  # not 0: has the id of so many events ago
ATTRIBUTES: list[Form] = [
    *[{}] * 4,
    {"actorkind": "customer"},
    {"actorkind": "rep"},
    {"utc_offset_min": 330},
    {"utc_offset_min": -300},
    {"accounttz": "America/Havana"},
    {"accounttz": "Europe/Berlin"},
]
TICKS_H = [-1, 0, 1, 1, 2, 4, 24]
FEEDS = [("crm", 90 * 60_000), ("crm", HOUR_MS), ("web", HOUR_MS)]


@dataclass(frozen=True)
class Case:
    """What a partition is given: rules, calendars as their files hold them, the log.

    restart_at: number of the record before which the partition moves to another worker.
    """

    rules: list[Form]
    records: list[Form]
    lateness_ms: int
    remembered_ids: int
    restart_at: int

    @property
    def calendars(self) -> tuple[Form, ...]:
        """Those that the rules name."""
        named = repr(self.rules)
        return tuple(form for form in (OFFICE, NIGHT) if repr(form["id"]) in named)


def cases(records_max: int = 30) -> SearchStrategy[Case]:
    """A partition's whole life."""
    return st.builds(
        Case,
        rules=st.lists(rules(), min_size=1, max_size=3).map(_named),
        records=logs(records_max),
        lateness_ms=st.sampled_from([0, 0, HOUR_MS, 3 * HOUR_MS]),
        remembered_ids=st.sampled_from([24, 3]),
        restart_at=st.integers(0, records_max),
    )


def _named(rules: Sequence[Form]) -> list[Form]:
    return [{"id": f"rule-{place}", **rule} for place, rule in enumerate(rules)]


def logs(records_max: int) -> SearchStrategy[list[Form]]:
    """The log of a partition; in the end nothing holds what is due, and time goes on for long."""
    nothing: SearchStrategy[Form] = st.just({})  # what hypothesis makes a case small with
    moves = st.one_of(nothing, *(events() for _ in range(9)), ticks(), ticks(), feeds())
    many = st.lists(moves, min_size=records_max // 2, max_size=records_max - 1)
    return st.builds(_log, st.sampled_from(STARTS), many)


def events() -> SearchStrategy[Form]:
    """when: (how far time goes on, how late it is, what lies beside the grid)."""
    return st.fixed_dictionaries(
        {
            "when": st.sampled_from(list(product(STEPS_H, LATE_H, BESIDE_MS))),
            "who": st.sampled_from(WHO),
            "data": st.sampled_from(DATA),
            "rare": st.sampled_from(list(product(AGAIN, ATTRIBUTES))),
        }
    )


def ticks() -> SearchStrategy[Form]:
    return st.fixed_dictionaries({"tick_h": st.sampled_from(TICKS_H)})


def feeds() -> SearchStrategy[Form]:
    return st.fixed_dictionaries({"feed": st.sampled_from(FEEDS), "stale": st.booleans()})


def _log(start: str, moves: Sequence[Form]) -> list[Form]:
    """The moves as records, one after another in time."""
    now = int(datetime.fromisoformat(start).timestamp()) * 1_000
    records: list[Form] = []
    alive = [{"feed": feed, "stale": False} for feed in FEEDS]
    for move in [*moves, *alive, {"tick_h": 24 * 30}]:
        if "tick_h" in move:
            now += HOUR_MS * max(0, move["tick_h"])
            records.append({"tick": now + HOUR_MS * min(0, move["tick_h"])})
        elif "feed" in move:
            name, max_stale_ms = move["feed"]
            records.append({"feed": name, "max_stale_ms": max_stale_ms, "stale": move["stale"]})
        elif move:
            now += HOUR_MS * move["when"][0]
            records.append({"event": _event(now, move, records)})
    return records


def _event(now: int, move: Form, records: Sequence[Form]) -> Form:
    _, late_h, beside_ms = move["when"]
    type, account = move["who"]
    again, attributes = move["rare"]
    event = {
        "source": "//test",
        "id": f"e{len(records)}",
        "account": account,
        "type": type,
        "time_ms": now - HOUR_MS * late_h + beside_ms,
        "data": move["data"],
        **attributes,
    }
    earlier = [record["event"] for record in records if "event" in record]
    if 0 < again <= len(earlier):
        event |= {"id": earlier[-again]["id"], "account": earlier[-again]["account"]}
    return event
