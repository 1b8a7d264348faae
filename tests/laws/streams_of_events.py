"""Random logs, for laws: small worlds in which things often happen at once.

Off the data path. Everything lies on a grid of hours (times, goals, gaps, opening hours), with a
millisecond or half an hour beside it now and then. So deadlines are hit exactly, times tie, late
events fall inside and outside of what rules accept, and days end where clocks change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.laws.random_rules import NEEDED, NIGHT, OFFICE, TYPES, Form, composite, rule

HOUR_MS = 3_600_000
STARTS = [  # a Friday each but the last: weekends with a change of clocks, the end of a year
    "2026-03-06T07:00:00+00:00",  # America on Sunday
    "2026-03-27T15:00:00+00:00",  # Europe on Sunday
    "2026-10-30T11:00:00+00:00",  # America on Sunday, back
    "2026-12-30T09:00:00+00:00",
]
STEPS_H = [*[0, 1] * 14, *[2, 2, 3] * 3, 24]  # how far time goes on before a record
LATE_H = [1, 2, 3, 4, 5, 6, 8, 12]
A, B, C, D, E = TYPES
MIXTURES = [  # what lives together in a log: few types, so that they meet
    [A],
    [A, A, B],
    [A, C, D],
    [A, A, B, C, C, D],
    [A, A, B, E],
    [A, B, "score.published", "score.published"],
    [A, A, B, C, D, E, "x.other"],
]
BESIDE_MS = [0, 0, 0, 0, 1, 999, HOUR_MS // 2]
ATTRIBUTES: list[Form] = [
    *[{}] * 4,
    {"actorkind": "customer"},
    {"actorkind": "rep"},
    {"utc_offset_min": 330},
    {"utc_offset_min": -300},
    {"accounttz": "America/Havana"},
    {"accounttz": "Europe/Berlin"},
]
ALL = 100  # ids remembered: more than a case has events
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


@st.composite
def cases(draw: DrawFn, records_max: int = 30) -> Case:
    """A partition's whole life.

    Hypothesis draws the seed, and what is left out of what chance makes of it (a zero leaves out):
    so each case is another, cheap, and a failing one gets small.
    """
    case = random_case(Random(draw(st.integers(0, 2**24 - 1))), records_max)
    stays = iter(draw(st.binary(min_size=100, max_size=100)))
    records = [record for record in case.records if next(stays)]
    rules = [
        _thinned(form, {name for name in form if name in NEEDED or next(stays)})
        for form in case.rules
        if next(stays)
    ]
    rules = _whole(rules)
    return replace(case, rules=rules, records=records)


def _thinned(form: Form, names: set[str]) -> Form:
    if not {"pause", "resume"} <= names:  # they go together
        names = names - {"pause", "resume"}
    if "group" in form.get("alert", {}) and "key" in form and "key" not in names:
        names = names - {"alert"}  # a group is made of the key
    return {name: field for name, field in form.items() if name in names}


def _whole(rules: list[Form]) -> list[Form]:
    """Composites, less the members that are not there."""
    kept: dict[str, Form] = {}
    for form in rules:
        if form["kind"] == "composite":
            of = [member for member in form["of"] if member["rule"] in kept]
            asked = form["when"].get("at_least", 1)
            if not of:
                continue
            form = {**form, "of": of, "when": form["when"] if asked <= len(of) else {"at_least": 1}}
            keys = [kept[member["rule"]] for member in of]
            if not all(_tells(key, path) for key in keys for path in form.get("key", [])):
                continue
        kept[form["id"]] = form
    return list(kept.values())


def _tells(form: Form, path: str) -> bool:
    return path in [*form.get("key", []), *form.get("join", [])]


def random_rules(chance: Random) -> list[Form]:
    """Composites come last, and one may be made of another."""
    rules = [{"id": f"rule-{place}", **rule(chance)} for place in range(chance.randint(1, 3))]
    for _ in range(chance.choice([0, 0, 1, 2])):
        rules.append({"id": f"rule-{len(rules)}", **composite(chance, rules)})
    return rules


def random_case(chance: Random, records_max: int) -> Case:
    return Case(
        rules=random_rules(chance),
        records=log(chance, chance.randint(8, records_max)),
        lateness_ms=chance.choice([0, 0, HOUR_MS, 3 * HOUR_MS]),
        remembered_ids=chance.choice([ALL, 3]),
        restart_at=chance.randint(0, records_max),
    )


def log(chance: Random, length: int) -> list[Form]:
    """A partition's log; in the end nothing holds what is due, and time goes on for long."""
    now = int(datetime.fromisoformat(chance.choice(STARTS)).timestamp()) * 1_000
    types = chance.choice(MIXTURES)
    records: list[Form] = []
    for _ in range(length):
        now += HOUR_MS * chance.choice(STEPS_H)
        draw = chance.random()
        if draw < 0.75:
            records.append({"event": event(chance, now, types, records)})
        elif draw < 0.9:
            records.append({"tick": now})
        else:
            records.append(feed(*chance.choice(FEEDS), stale=chance.random() < 0.5))
    alive = [feed(*one, stale=False) for one in FEEDS]
    return [*records, *alive, {"tick": now + 30 * 24 * HOUR_MS}]


def feed(name: str, max_stale_ms: int, *, stale: bool) -> Form:
    return {"feed": name, "max_stale_ms": max_stale_ms, "stale": stale}


def event(chance: Random, now: int, types: Sequence[str], records: Sequence[Form]) -> Form:
    """Often late, sometimes with the id of an earlier one."""
    late_h = chance.choice(LATE_H) if chance.random() < 0.4 else 0
    made = {
        "source": "//test",
        "id": f"e{len(records)}",
        "account": chance.choice(["ann", "ann", "ann", "bob"]),
        "type": chance.choice(types),
        "time_ms": now - HOUR_MS * late_h + chance.choice(BESIDE_MS),
        "data": data(chance),
        **chance.choice(ATTRIBUTES),
    }
    earlier = [record["event"] for record in records if "event" in record]
    if earlier and chance.random() < 0.15:
        repeated = chance.choice(earlier[-5:])
        made |= {"id": repeated["id"], "account": repeated["account"]}
    return made


def data(chance: Random) -> Form:
    fields = {
        "n": chance.choice([1, 1, 1, 1, 1, 2, 2, "1", None]),
        "v": chance.choice([0, 1, 1, 2]),
        "w": chance.choice([1, 2, "text"]),
        "task": chance.choice(["churn", "churn", "churn", "other"]),
        "value": chance.choice([0.1, 0.2, 0.2, 0.5, 0.7, 0.9, 1, "text", None]),
        "d": chance.choice([-2, -1, 1, 2, 0, "text"]),
        "k": chance.choice([["a"], ["a", "b"], ["b", "b", "b", "a"], [], "a"]),
    }
    return {name: value for name, value in fields.items() if chance.random() < 0.9}
