"""Random logs, for laws: small worlds in which things often happen at once.

Off the data path. Everything lies on a grid of hours (times, goals, gaps, opening hours), with a
millisecond or half an hour beside it now and then. So deadlines are hit exactly, times tie, late
events fall inside and outside of what rules accept, and days end where clocks change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from rules.loader import parse
from tests.laws.random_changes import take_over
from tests.laws.random_rules import NEEDED, NIGHT, OFFICE, TYPES, Form, composite, rule
from tests.story import content_of

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

    restart_at: number of the record before which the partition moves to another worker. digest: of
    the rules, where the log brings others.
    """

    rules: list[Form]
    records: list[Form]
    lateness_ms: int
    remembered_ids: int
    restart_at: int
    digest: str = ""

    @property
    def later_rules(self) -> list[list[Form]]:
        """The rule sets that the log activates."""
        return [record["rules"] for record in self.records if "rules" in record]

    def in_each_set(self, change: Callable[[list[Form]], list[Form]]) -> Case:
        """The case with other rules, at its beginning and in its log."""
        records = [r | {"rules": change(r["rules"])} if "rules" in r else r for r in self.records]
        return replace(self, rules=change(self.rules), records=records)

    def set_of(self, digest: str) -> dict[str, Form]:
        """The rules of the set by their ids."""
        sets = {self.digest: self.rules}
        sets |= {r["digest"]: r["rules"] for r in self.records if "rules" in r}
        return {form["id"]: form for form in sets[digest]}

    def active_at(self, number: int) -> str:
        """The digest of the set under which the record is read."""
        later = [r["digest"] for r in self.records[:number] if "rules" in r]
        return later[-1] if later else self.digest

    @property
    def calendars(self) -> tuple[Form, ...]:
        """Those that the rules name."""
        named = repr([self.rules, *self.later_rules])
        return tuple(form for form in (OFFICE, NIGHT) if repr(form["id"]) in named)


@st.composite
def cases(draw: DrawFn, records_max: int = 30, *, sets: int = 1) -> Case:
    """A partition's whole life. sets: 2 when other rule sets take over on the way.

    Hypothesis draws the seed, and what is left out of what chance makes of it (a zero leaves out):
    so each case is another, cheap, and a failing one gets small.
    """
    chance = Random(draw(st.integers(0, 2**24 - 1)))
    case = random_case(chance, records_max)
    if sets > 1:
        case = handed_over(chance, case)
    stays = iter(draw(st.binary(min_size=100, max_size=100)))
    case = replace(case, records=[record for record in case.records if next(stays, 1)])
    return _named(_thinned(case, stays))


def handed_over(chance: Random, case: Case) -> Case:
    rules, records = take_over(chance, case.rules, case.records)
    return replace(case, rules=rules, records=records)


def _thinned(case: Case, stays: Iterator[int]) -> Case:
    """Less some rules, and less some of their options: the same in each set."""
    options: dict[str, dict[str, None]] = {}
    for form in (form for rules in (case.rules, *case.later_rules) for form in rules):
        options.setdefault(form["id"], {}).update(dict.fromkeys(form))
    gone: dict[str, set[str]] = {}
    for id, names in options.items():
        if next(stays, 1):
            gone[id] = {name for name in names if name not in NEEDED and not next(stays, 1)}

    def less(rules: list[Form]) -> list[Form]:
        kept = [form for form in rules if form["id"] in gone]
        return _whole([_without(form, gone[form["id"]]) for form in kept])

    return case.in_each_set(less)


def _without(form: Form, names: set[str]) -> Form:
    if {"pause", "resume"} & names:  # they go together
        names = names | {"pause", "resume"}
    if "group" in form.get("alert", {}) and "key" in form and "key" in names:
        names = names | {"alert"}  # a group is made of the key
    return {name: field for name, field in form.items() if name not in names}


def _named(case: Case) -> Case:
    """Each rule set by the digest of its content."""
    if not case.later_rules:
        return case
    records = [
        r | {"digest": digest_of(r["rules"], case.calendars)} if "rules" in r else r
        for r in case.records
    ]
    return replace(case, records=records, digest=digest_of(case.rules, case.calendars))


def digest_of(rules: list[Form], calendars: tuple[Form, ...]) -> str:
    return parse(content_of(*rules, calendars=calendars)).digest


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
