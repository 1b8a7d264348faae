"""Random rule sets that take over from one another, and where in a log they do.

Off the data path. Composites and momentum stay out of it: who listens to a case that is handed over
is told in stories (tests/unit), and here they would cover up what became of it.
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.laws.random_rules import GAPS, Form, absence, rule, sequence, sla, trigger
from tests.story import TESTS

TOGETHER: dict[str, list[list[str]]] = {  # fields that are drawn anew with one another
    "sla": [["goal", "escalate"], ["warn_at"], ["start"], ["stop"], ["pause", "resume"]],
    "absence": [["deadline", "measure"], ["deadline", "measure"], ["warn_at"], ["expect"]],
    "sequence": [["within"], ["steps"], ["skip"], ["contiguity"], ["without"]],
}
EVERY: list[list[str]] = [["owner"], ["late"], ["feeds"], ["restart"], ["key", "alert"]]
KINDS = {"sla": sla, "absence": absence, "sequence": sequence}


def take_over(
    chance: Random, rules: list[Form], records: list[Form]
) -> tuple[list[Form], list[Form]]:
    """One or two rule sets that follow in the log on the first, which is made of the rules."""
    first, log = first_set(chance, rules), list(records)
    active = first
    places = [chance.randint(2, len(records) - 1) for _ in range(chance.choice([1, 2, 2]))]
    for earlier, place in enumerate(sorted(places)):
        active = next_set(chance, active)
        log.insert(place + earlier, {"rules": active})
    return first, log


def first_set(chance: Random, rules: list[Form]) -> list[Form]:
    """The rules that speak for themselves, each with what is to become of its cases."""
    alone = [form for form in rules if form["kind"] != "composite"]
    return [with_way(chance, {k: v for k, v in form.items() if k != "weight"}) for form in alone]


def next_set(chance: Random, rules: list[Form]) -> list[Form]:
    """The set after it: rules stay, go, change, come."""
    kept = [form for form in rules if chance.random() < 0.9]
    changed = [with_way(chance, changed_rule(chance, form)) for form in kept]
    if chance.random() < 0.2:
        new = {"id": f"rule-{chance.randint(0, 9)}", **rule(chance)}
        if new["id"] not in {form["id"] for form in changed}:
            changed += first_set(chance, [new])
    return changed


def changed_rule(chance: Random, form: Form) -> Form:
    """The same rule, or a next version of it."""
    draw = chance.random()
    if draw < 0.08:
        return form
    if draw < 0.16:
        return {**form, "tests": [*TESTS, {**TESTS[1], "name": "one more"}]}
    if draw < 0.24:
        return {**form, **chance.choice([{"version": "1.0.1"}, {"status": "shadow"}])}
    if draw < 0.29 or form["kind"] not in KINDS:
        return first_set(chance, [{"id": form["id"], **rule(chance)}])[0]
    fresh = KINDS[form["kind"]](chance)
    fields = {*chance.choice([*TOGETHER[form["kind"]] * 2, *EVERY])}
    if "steps" in fields and chance.random() < 0.6:
        fresh["steps"] = [changed_step(chance, *step) for step in enumerate(form["steps"])]
    if "goal" in fields and "escalate" not in form:
        fresh["escalate"] = None
    new = {**form, **{name: fresh[name] for name in fields if name in fresh}, "version": "2.0.0"}
    return {name: value for name, value in new.items() if value not in (None, {})}


def changed_step(chance: Random, place: int, step: Form) -> Form:
    """Another type or condition, or another gap before it."""
    if chance.random() < 0.5:
        return step
    gap = {"gap": chance.choice(GAPS)} if place and chance.random() < 0.5 else {}
    return {**trigger(chance, place), **gap}


def with_way(chance: Random, form: Form) -> Form:
    """`on_change`, where the grammar has it."""
    ways: list[Any] = [None]
    if form["kind"] in KINDS:
        ways += ["migrate", "migrate"]
        ways += ["finish"] * 2 * (form.get("measure") != "since_last")
    new = {**form, "on_change": chance.choice(ways)}
    return {name: value for name, value in new.items() if value is not None}
