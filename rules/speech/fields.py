"""What the fields of a rule say in a language: the slots of its sentences."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from models.duration import Duration
from rules.grammar import Deadline, Escalation, Feed, Gap, Goal, RuleForm, Trigger, Weight
from rules.grammar_signals import ChangeWhen, CompositeWhen, Member, ScoreWhen
from rules.speech.condition import condition
from rules.speech.language import Language


class Slots(dict[str, str]):
    """The fields of a rule, said when a sentence asks for them."""

    def __init__(self, form: RuleForm, language: Language) -> None:
        self.form = form
        self.language = language

    def __missing__(self, name: str) -> str:
        value = getattr(self.form, name)
        if name == "warn_at":
            return self.language.join([f"{fraction:.0%}" for fraction in value])
        return say(value, self.language)


def say(value: Any, language: Language) -> str:
    """A value of a field."""
    match value:
        case Trigger():
            return trigger(value, language)
        case Duration():
            return language.duration(value)
        case Goal():
            return _of_calendar(value.within, value.calendar, language)
        case Deadline():
            return _deadline(value, language)
        case Gap():
            return gap(value, language)
        case Escalation():
            return _escalation(value, language)
        case Weight():
            return _weight(value, language)
    return _listed(value, language)


def _listed(value: Any, language: Language) -> str:
    """Lists, mappings and other forms; texts and numbers as they are."""
    if isinstance(value, Member):
        return language.say("member", rule=value.rule, weight=f"{value.weight:g}")
    if isinstance(value, ChangeWhen | CompositeWhen | ScoreWhen):
        fields = [(name, getattr(value, name)) for name in _set_fields(value)]
        said = [language.say(f"when:{name}", value=bound) for name, bound in fields]
        return language.join(said, "and")
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in _set_fields(value)}
    if isinstance(value, dict):
        return language.join([_entry(name, part, language) for name, part in value.items()])
    if isinstance(value, tuple | list):
        return language.join([say(part, language) for part in value])
    return str(value)


def trigger(value: Trigger, language: Language) -> str:
    """An event of a type, and what must hold of it."""
    if value.where is None:
        return language.say("type", type=value.type)
    return language.say("where", type=value.type, where=condition(value.where, language))


def gap(value: Gap, language: Language) -> str:
    """Time from the step before."""
    spans = {
        name: language.duration(bound)
        for name, bound in (("min", value.min), ("max", value.max))
        if bound is not None
    }
    return language.say(f"gap:{'both' if len(spans) == 2 else ''.join(spans)}", **spans)


def _entry(name: str, value: Any, language: Language) -> str:
    if isinstance(value, Feed):
        return language.say("feed", name=name, span=language.duration(value.max_stale))
    return f"{name} {say(value, language)}"


def _escalation(value: Escalation, language: Language) -> str:
    when = language.say("at_once")
    if value.after.amount:
        when = language.say("later", span=language.duration(value.after))
    return language.say("escalate", when=when, to=value.to)


def _of_calendar(span: Duration, calendar: str | None, language: Language) -> str:
    said = language.duration(span)
    return language.say("of_calendar", span=said, calendar=calendar) if calendar else said


def _deadline(value: Deadline, language: Language) -> str:
    if value.after is not None:
        return language.say("after", span=_of_calendar(value.after, value.calendar, language))
    account = value.tz == "account"
    zone = language.say("zone:account") if account else language.say("zone", zone=value.tz)
    return language.say("day_number", day=value.day_number, zone=zone)


def _weight(value: Weight, language: Language) -> str:
    said = f"{value.value:g}"
    if value.half_life is not None:
        said = language.say("half_life", value=said, span=language.duration(value.half_life))
    if value.stage_equivalence:
        said = language.say("equals", value=said, stages=say(value.stage_equivalence, language))
    return said


def _set_fields(value: BaseModel) -> list[str]:
    return [name for name in type(value).model_fields if name in value.model_fields_set]
