"""Random rules of every kind, for laws: every option, on the same small grid as the logs.

Off the data path. What does not decide (title, tests …) is left to whoever compiles them.
"""

from __future__ import annotations

from random import Random
from typing import Any

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
NEEDED = {
    *("id", "kind", "start", "stop", "goal", "anchor", "expect", "deadline", "steps", "within"),
    *("task", "of", "window", "baseline", "direction", "on", "left", "right", "join", "when"),
}
MEASURES = ["count({})", "mean({}, data.d)", 'density({}, data.k, "a")']
JUDGEMENTS = [{"ratio": ">= 2"}, {"ratio": "< 0.6"}, {"z": ">= 1.5"}, {"ratio": "> 1", "z": "> 1"}]
DROPS = [{"drop": ">= 0.4 within 4h"}, {"value": "< 0.3", "drop": "> 0.1 within 30h"}]
SUMS = [{"score": ">= 0.8"}, {"score": "> 0.4"}, {"at_least": 1}, *[{"at_least": 2}] * 3]
RELATIONS = [
    *("left != right", "right > left * 1.5", "left >= right", "left < right * 0.5"),
    'right.at - left.at > duration("2h")',
]
LADDERS = [
    [(0, "lead")],
    [(1, "lead"), (2, "coo")],
    [(2, "coo"), (0, "lead"), (1, "lead")],
    [(0, "lead"), (0, "coo"), (1, "coo"), (1, "lead")],
]


def rule(chance: Random) -> Form:
    """A rule of any kind, as its file holds it, without an id."""
    often = [*[sla] * 4, *[absence] * 2, *[sequence] * 3]
    form = chance.choice([*often, signal, mismatch, change, change, score])(chance)
    return {name: value for name, value in form.items() if value not in (None, {})}


def trigger(chance: Random, usual: int) -> Form:
    """Mostly of a type of its own; sometimes one event plays several roles."""
    type = TYPES[usual] if chance.random() < 0.8 else chance.choice(TYPES)
    where = maybe(chance, chance.choice(WHERES), 0.2)
    return {"type": type} if where is None else {"type": type, "where": where}


def maybe(chance: Random, value: Any, share: float = 0.5) -> Any:
    return value if chance.random() < share else None


def shared(chance: Random) -> Form:
    """The fields that every kind may have."""
    accepts = [{"accept": accept} for accept in ("0h", "1h", "4h", "9h", "30h", "30h", "30h")]
    return {
        "weight": maybe(chance, weight(chance), 0.2),
        "key": chance.choice([None, None, None, ["data.n"], ["data.n", "data.v"]]),
        "owner": maybe(chance, "sales"),
        "late": chance.choice([None, None, {"on_late": "ignore"}, *accepts]),
    }


def weight(chance: Random) -> Form:
    """Some that fade and some that do not, of both signs; those of a stage beside them."""
    stage = {"stage": chance.choice(["quote", "talk"]), "ratio": chance.choice([0.3, 0.7])}
    fields = {
        "value": chance.choice([0.05, 0.4, 0.85, 1.7, -0.6, -1.3]),
        "half_life": maybe(chance, chance.choice(["1h", "7h", "2d"]), 0.8),
        "stage_equivalence": maybe(chance, stage, 0.4),
    }
    return {name: value for name, value in fields.items() if value is not None}


def waiting(chance: Random) -> Form:
    """The fields that `sla` and `absence` share."""
    crm, web = {"crm": {"max_stale": "90m"}}, {"web": {"max_stale": "60m"}}
    own = shared(chance)
    held = suppressed(chance, True, own["key"])
    return {
        **own,
        "warn_at": maybe(chance, chance.choice([[0.5], [0.29, 0.8], [0.001]]), 0.6),
        "restart": chance.choice([None, "on_new_start", "ignore", "ignore"]),
        "feeds": chance.choice([None, None, crm, {**crm, **web}]),
        "alert": chance.choice([None, None, {"resolve_on": "never"}, held]),
    }


def suppressed(chance: Random, ends: bool, key: list[str] | None) -> Form | None:
    """What is held back; only what ends can be repeated. A group is what a key begins with."""
    form: Form = {"cooldown": maybe(chance, chance.choice(["1h", "4h", "30h"]), 0.5 if ends else 1)}
    form["group"] = maybe(chance, ["data.n"], 0.6) if key else None
    if ends and chance.random() < 0.6:
        form |= goal(chance, "repeat")
    return {name: value for name, value in form.items() if value is not None}


def goal(chance: Random, word: str) -> Form:
    """`{within: 3h}`, or in business time `{within: 2bh, calendar: office}`."""
    if chance.random() < 0.6:
        return {word: f"{chance.choice([1, 1, 2, 3, 4, 6, 9])}h"}
    amount = chance.choice(["1bh", "2bh", "5bh", "1bd", "2bd"])
    return {word: amount, "calendar": chance.choice(["office", "night"])}


def sla(chance: Random) -> Form:
    """Pause and resume come together; an escalation is counted in the goal's kind of time."""
    within = goal(chance, "within")
    unit = "bh" if "calendar" in within else "h"
    ladder = [{"after": f"{n}{unit}", "to": to} for n, to in chance.choice(LADDERS)]
    pauses = chance.random() < 0.6
    return {
        "kind": "sla",
        "start": trigger(chance, 0),
        "stop": trigger(chance, 1),
        "pause": trigger(chance, 2) if pauses else None,
        "resume": trigger(chance, 3) if pauses else None,
        "cancel": maybe(chance, trigger(chance, 4)),
        "goal": within,
        "escalate": maybe(chance, ladder),
        **waiting(chance),
    }


def absence(chance: Random) -> Form:
    """A day, or an amount of time; only a day can be asked for an answer `on_day`."""
    tz = chance.choice(["account", "account", *ZONES])
    day = {"day_number": chance.choice([0, 1, 1, 2]), "tz": tz}
    by_day = chance.random() < 0.5
    return {
        "kind": "absence",
        "anchor": trigger(chance, 0),
        "expect": trigger(chance, 1),
        "until": maybe(chance, trigger(chance, 4)),
        "deadline": day if by_day else goal(chance, "after"),
        "measure": chance.choice(["since_anchor", "since_last", *["on_day"] * 4 * by_day]),
        **waiting(chance),
    }


def sequence(chance: Random) -> Form:
    """One to three steps."""
    later = [trigger(chance, usual) for usual in range(1, chance.choice([1, 2, 2, 3]))]
    gapped = [{**step, **chance.choice([{}, {}, {"gap": chance.choice(GAPS)}])} for step in later]
    return {
        "kind": "sequence",
        "steps": [trigger(chance, 0), *gapped],
        "within": chance.choice(["2h", "4h", "9h", "30h"]),
        "contiguity": chance.choice([None, "relaxed", "strict"]),
        "skip": chance.choice([None, "past_last", "to_next", "to_next"]),
        "without": maybe(chance, trigger(chance, chance.choice([0, 1, 4])), 0.7),
        **(own := shared(chance)),
        "alert": maybe(chance, suppressed(chance, False, own["key"]), 0.3),
    }


def at_once(chance: Random, ends: bool = True) -> Form:
    """The fields that the kinds share to which an event is never too late."""
    own = {**shared(chance), "late": None}
    quiet = {"resolve_on": "never"} if ends else None
    held = suppressed(chance, ends, own["key"])
    return {**own, "alert": chance.choice([None, quiet, quiet, held])}


def signal(chance: Random) -> Form:
    return {"kind": "signal", "on": trigger(chance, 0), **at_once(chance, ends=False)}


def mismatch(chance: Random) -> Form:
    """Two types, so that two facts are two events."""
    left, right = (
        {
            **trigger(chance, usual),
            "type": TYPES[usual],
            "value": chance.choice(["data.v", "data.w"]),
        }
        for usual in (0, 1)
    )
    return {
        "kind": "mismatch",
        "left": left,
        "right": right,
        "join": chance.choice([["data.n"], ["data.n"], ["data.v", "data.n"]]),
        "when": chance.choice(RELATIONS),
        **at_once(chance),
        "key": maybe(chance, ["data.v"], 0.2),
    }


def change(chance: Random) -> Form:
    """Windows of few hours, so that a log holds a baseline and what comes after it."""
    of = chance.choice(MEASURES).format(chance.choice([TYPES[0], TYPES[0], TYPES[1]]))
    turns = of.startswith("mean") and chance.random() < 0.7
    window = chance.choice([2, 2, 4])
    return {
        "kind": "change",
        "of": of,
        "where": maybe(chance, chance.choice(WHERES), 0.2),
        "window": f"{window}h",
        "baseline": f"{window * chance.choice([2, 3, 4])}h",
        "min_count": maybe(chance, 2, 0.3),
        "when": None if turns else chance.choice(JUDGEMENTS),
        "direction": "turn" if turns else None,
        **at_once(chance),
    }


def score(chance: Random) -> Form:
    when = chance.choice([{"value": "<= 0.2"}, {"value": "> 0.5"}, *DROPS])
    return {"kind": "score", "task": "churn", "when": when, **at_once(chance)}


def composite(chance: Random, others: list[Form]) -> Form:
    """Of some of the rules before it; what they all tell apart it may tell apart too."""
    parts = chance.sample(others, chance.randint(1, len(others)))
    keys = [[*part.get("key", []), *part.get("join", [])] for part in parts]
    common = [path for path in keys[0] if all(path in key for key in keys)]
    held = suppressed(chance, True, common)
    of = [{"rule": part["id"], "weight": chance.choice([0.4, 0.4, 0.8, 1.0])} for part in parts]
    fields = {
        "kind": "composite",
        "of": of,
        "within": chance.choice(["2h", "4h", "30h"]),
        "when": chance.choice(SUMS),
        "alert": chance.choice([None, {"resolve_on": "never"}, held, held]),
        "owner": maybe(chance, "sales"),
        "key": common or None,
    }
    return {name: value for name, value in fields.items() if value is not None}
