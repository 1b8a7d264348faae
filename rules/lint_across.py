"""The checks of lint that hold one rule against the others; see `lint_checks.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.grammar import RuleForm, SequenceRule, Trigger
from rules.lint_checks import Around, Found
from rules.membership import members
from rules.roles import Role, roles
from rules.terms import comparison, terms

SEVERITIES = ("info", "warning", "error", "critical")
SAME = ("key", "late", "alert", "owner", "weight")  # or the two are not about the same
_ENDS = ("until", "cancel", "without", "pause", "resume")


def lacks_key(form: RuleForm, around: Around) -> Found:
    """An event without the key is not read; the tests show what events of a type carry."""
    for role in roles(form):
        seen = around.events.get(role.trigger.type, ())
        for i, path in enumerate(form.key):
            if seen and not any(_carries(data, path) for data in seen):
                what = f"no test event of {role.trigger.type} carries {path}, so none is read"
                yield ("key", i), what


def _carries(data: Any, path: str) -> bool:
    for name in path.split(".")[1:]:
        data = data.get(name) if isinstance(data, dict) else None
    return data is not None


def opposite(form: RuleForm, around: Around) -> Found:
    """One says that the customer comes nearer, the other that he goes."""
    if form.weight is None:
        return
    for other in _earlier(form, around):
        weight = other.weight.value if other.weight else 0
        if weight * form.weight.value < 0 and _trigger(other) == _trigger(form):
            message = (
                f"{other.id} has the same trigger, and its weight the opposite sign ({weight})"
            )
            yield ("weight",), message


def shadowed(form: RuleForm, around: Around) -> Found:
    """Whenever it fires the other one does, for the same people and as loud."""
    for other in around.rules:
        if other.id == form.id or not _both_run(form, other) or not _covers(other, form):
            continue
        if other.id < form.id or not _covers(form, other):
            yield ("kind",), f"whenever it fires {other.id} does: this one says nothing more"
            return


def idle_members(form: RuleForm, around: Around) -> Found:
    """A composite that counts the hits of a rule that never fires."""
    status = {other.id: other.status for other in around.rules}
    for i, part in enumerate(members(form)):
        if status[part] in ("draft", "deprecated"):
            yield ("of", i, "rule"), f"{part} is {status[part]}: it never fires"


def typed_above_captured(form: RuleForm, around: Around) -> Found:
    """What a rep typed in proves less than what was captured."""
    mine = dict(_provenances(form))
    if form.weight is None or "typed" not in mine.values():
        return
    for other in around.rules:
        if other.weight is None or not _both_run(form, other):
            continue
        for type, provenance in _provenances(other):
            less = abs(other.weight.value) < abs(form.weight.value)
            if mine.get(type) == "typed" and provenance == "captured" and less:
                message = (
                    f"what is typed weighs more here than what is captured in {other.id}"
                    f" ({other.weight.value})"
                )
                yield ("weight", "value"), message


def _provenances(form: RuleForm) -> Iterator[tuple[str, str]]:
    """(event type, provenance that it must have) of the rule's triggers."""
    for role in _leading(form):
        for term in terms(role.trigger.where) if role.trigger.where else ():
            found = comparison(term)
            if found and (found.path, found.operator) == ("provenance", "=="):
                yield role.trigger.type, str(found.value)


def _earlier(form: RuleForm, around: Around) -> Iterator[RuleForm]:
    return (o for o in around.rules if o.id < form.id and _both_run(form, o))


def _both_run(one: RuleForm, other: RuleForm) -> bool:
    return one.status == other.status == "active"


def _leading(form: RuleForm) -> Iterator[Role]:
    return (role for role in roles(form) if role.name not in _ENDS)


def _trigger(form: RuleForm) -> list[tuple[str, frozenset[str]]]:
    return [(role.trigger.type, _terms(role.trigger)) for role in _leading(form)]


def _terms(trigger: Trigger) -> frozenset[str]:
    return frozenset(terms(trigger.where)) if trigger.where else frozenset()


def _covers(wide: RuleForm, narrow: RuleForm) -> bool:
    """Whether one fires whenever the other does, says it to the same people as loud, weighs it."""
    if type(wide) is not type(narrow) or any(getattr(wide, f) != getattr(narrow, f) for f in SAME):
        return False
    if SEVERITIES.index(wide.severity) < SEVERITIES.index(narrow.severity):
        return False
    if isinstance(wide, SequenceRule) and isinstance(narrow, SequenceRule):
        return _sequence_covers(wide, narrow)
    first, second = _own(wide), _own(narrow)
    if set(first) == {"on"}:
        return _is_within(second["on"], first["on"])
    return first == second


def _sequence_covers(wide: SequenceRule, narrow: SequenceRule) -> bool:
    return (
        len(wide.steps) == len(narrow.steps)
        and all(
            _is_within(mine, step) and mine.gap == step.gap
            for mine, step in zip(narrow.steps, wide.steps, strict=True)
        )
        and (wide.contiguity, wide.without, wide.skip)
        == (narrow.contiguity, narrow.without, narrow.skip)
        and narrow.within.amount <= wide.within.amount
    )


def _is_within(narrow: Trigger, wide: Trigger) -> bool:
    return narrow.type == wide.type and _terms(narrow) >= _terms(wide)


def _own(form: RuleForm) -> dict[str, Any]:
    """What the kind adds to the fields of every rule."""
    common = {*RuleForm.model_fields, "kind"}
    return {name: getattr(form, name) for name in type(form).model_fields if name not in common}
