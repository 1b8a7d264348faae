"""Random rules of the three kinds, for laws: every option, on the same small grid as the logs.

Off the data path. What does not decide (title, tests …) is left to whoever compiles them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, product
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Form = dict[str, Any]

TYPES = ["a.started", "b.stopped", "c.paused", "d.resumed", "e.cancelled"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Asia/Kathmandu"]
OFFICE = {
    "id": "office",
    "version": "1",
    "tz": "America/New_York",
    "week": {"mon-fri": ["09:00-12:00", "13:00-18:00"]},
    "years": {
        2026: {
            "holidays": ["2026-03-09", "2026-03-30", "2026-11-02"],
            "workdays": ["2026-03-07", "2026-10-31"],
        }
    },
}
NIGHT = {
    "id": "night",
    "version": "1",
    "tz": "Europe/Berlin",
    "week": {"mon-fri": ["00:00-03:30", "22:00-24:00"], "sun": ["01:00-05:00"]},
    "years": {2026: {}, 2027: {}},
}
WHERES = ["data.v > 0", "data.v == 1 && data.n >= 1", 'actor.kind == "customer"', "data.w < 2"]
GAPS = [{"min": "1h"}, {"min": "2h"}, {"max": "1h"}, {"max": "4h"}, {"min": "1h", "max": "3h"}]
LADDERS = [
    [(0, "lead")],
    [(1, "lead"), (2, "coo")],
    [(2, "coo"), (0, "lead"), (1, "lead")],
    [(0, "lead"), (0, "coo"), (1, "coo"), (1, "lead")],
]


def rules() -> SearchStrategy[Form]:
    """A rule of any kind, as its file holds it, without an id."""
    return st.one_of(sla(), sla(), absence(), sequence(), sequence())


def drawn(kind: str, **choices: Sequence[Any]) -> SearchStrategy[Form]:
    """A form with one of the choices for each field; None leaves the field out."""
    fields = {name: st.sampled_from(values) for name, values in choices.items()}
    return st.fixed_dictionaries({"kind": st.just(kind), **fields}).map(_without_none)


def _without_none(form: Form) -> Form:
    return {name: value for name, value in form.items() if value is not None}


def maybe(values: Sequence[Any]) -> list[Any]:
    """Half of the time left out."""
    return [None] * len(values) + list(values)


def triggers(usual: int) -> list[Form]:
    """Mostly of a type of its own; sometimes one event plays several roles."""
    types = [TYPES[usual]] * 15 + TYPES
    wheres = [None] * 16 + WHERES
    return [
        {"type": type} if where is None else {"type": type, "where": where}
        for where, type in product(wheres, types)
    ]


def shared() -> dict[str, list[Any]]:
    """The fields that every kind may have."""
    accepts = ["0h", "1h", "2h", "4h", "9h", "30h", "30h"]
    return {
        "key": [None, None, ["data.n"], ["data.n", "data.v"]],
        "owner": maybe(["sales"]),
        "late": [None, None, {"on_late": "ignore"}, *({"accept": accept} for accept in accepts)],
    }


def waiting() -> dict[str, list[Any]]:
    """The fields that `sla` and `absence` share."""
    crm, web = {"crm": {"max_stale": "90m"}}, {"web": {"max_stale": "60m"}}
    return {
        **shared(),
        "warn_at": maybe([[0.5], [0.29, 0.8], [0.001]]),
        "restart": [None, "on_new_start", "ignore"],
        "feeds": [None, None, crm, {**crm, **web}],
        "alert": [None] * 4 + [{"resolve_on": "never"}],
    }


def goals(word: str) -> list[Form]:
    """`{within: 3h}`, or in business time `{within: 2bh, calendar: office}`."""
    wall = [{word: f"{hours}h"} for hours in (1, 2, 3, 4, 6)]
    business = product(["1bh", "2bh", "5bh", "1bd", "2bd"], ["office", "night"])
    return wall * 3 + [{word: goal, "calendar": calendar} for goal, calendar in business]


def sla() -> SearchStrategy[Form]:
    """Pause and resume come together; an escalation is counted in the goal's kind of time."""
    return drawn(
        "sla",
        start=triggers(0),
        stop=triggers(1),
        goal=goals("within"),
        pauses=maybe(list(product(triggers(2), triggers(3)))),
        cancel=maybe(triggers(4)),
        escalate=maybe(LADDERS),
        **waiting(),
    ).map(_sla)


def _sla(form: Form) -> Form:
    if "pauses" in form:
        form["pause"], form["resume"] = form.pop("pauses")
    if "escalate" in form:
        unit = "bh" if "calendar" in form["goal"] else "h"
        form["escalate"] = [{"after": f"{n}{unit}", "to": to} for n, to in form["escalate"]]
    return form


def absence() -> SearchStrategy[Form]:
    """A day, or an amount of time; only a day can be asked for an answer `on_day`."""
    zones = ["account"] * len(ZONES) + ZONES
    days = [{"day_number": number, "tz": tz} for number, tz in product((0, 1, 2), zones)]
    chains = ["since_anchor", "since_last"]
    deadlines = [*product(goals("after"), chains), *product(days, [*chains, "on_day"])]
    return drawn(
        "absence",
        anchor=triggers(0),
        expect=triggers(1),
        until=maybe(triggers(4)),
        deadline=deadlines,
        **waiting(),
    ).map(_absence)


def _absence(form: Form) -> Form:
    form["deadline"], form["measure"] = form["deadline"]
    return form


def sequence() -> SearchStrategy[Form]:
    """One to three steps."""
    later = [*triggers(0), *triggers(1), *triggers(1), *triggers(2)]
    gapped = [{**trigger, "gap": gap} for gap, trigger in zip(cycle(GAPS), later)]
    return drawn(
        "sequence",
        first=triggers(0),
        second=[None, *later, *gapped],
        third=maybe([*later, *gapped]),
        within=["2h", "4h", "9h", "30h", "30h"],
        contiguity=[None, None, "relaxed", "strict"],
        skip=[None, "past_last", "to_next"],
        without=maybe(triggers(4)),
        **shared(),
    ).map(_sequence)


def _sequence(form: Form) -> Form:
    places = ("first", "second", "third")
    form["steps"] = [form.pop(place) for place in places if place in form]
    return form
