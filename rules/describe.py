"""A rule said in words, from its structure alone: `pathline rules describe ID --lang en|zh`.

For those who did not write it. The words are in `rules/speech/`, a table a language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.calendar import Calendar
from models.opening import Hours
from rules.grammar import RuleForm, Step
from rules.loader import RuleBook
from rules.overlay import Overlaid
from rules.speech.chinese import CHINESE
from rules.speech.english import ENGLISH
from rules.speech.fields import Slots, gap, trigger
from rules.speech.language import Language

LANGUAGES = {language.name: language for language in (ENGLISH, CHINESE)}
_MARK = re.compile(r" *([，。；：、（）]) *")
Rows = Iterator[tuple[str, str]]


def describe(book: RuleBook, rule_id: str, lang: str = "en") -> list[tuple[str, str]]:
    """(field of the rule file, sentence) pairs, in the order in which they are read.

    Raises KeyError when there is no such rule, or no such language.
    """
    language = LANGUAGES[lang]
    form = {form.id: form for form in book.rules}[rule_id]
    rows = [*_head(form, language), *((name, _tidy(said)) for name, said in _body(form, language))]
    for calendar in (book.calendars[id] for id in _calendars(form)):
        rows.append(("calendar", _tidy(_calendar(calendar, language))))
    silent = sum(not test.expect for test in form.tests)
    rows.append(("tests", language.say("tests", count=len(form.tests), silent=silent)))
    document = book.documents[rule_id]
    for change in document.changes if isinstance(document, Overlaid) else ():
        was = language.say("none") if change.was is None else change.was
        said = {"name": change.name, "value": change.value, "was": was, "where": change.where}
        rows.append(("overlay", language.say("overlay", **said)))
    return rows


def _head(form: RuleForm, language: Language) -> Rows:
    kind = _kind(form)
    yield "rule", f"{form.id} {form.version}"
    yield "title", form.title
    said = {"kind": language.words.get(f"kind:{kind}", kind), "id": kind}
    said["status"] = language.say(f"status:{form.status}")
    said["severity"] = language.say(f"severity:{form.severity}")
    yield "kind", language.say("head", **said)
    yield "owner", form.owner or language.say("nobody")


def _body(form: RuleForm, language: Language) -> Rows:
    """The fields of the kind, then those of every rule; one without a sentence says its value."""
    common = {*RuleForm.model_fields, "kind"}
    own = dict.fromkeys(name for name in type(form).model_fields if name not in common)
    sentences = language.kinds.get(_kind(form), {})
    missing = {name: "" for name in own if name not in sentences}
    slots = Slots(form, language)
    for name, sentence in {**sentences, **missing, **language.common}.items():
        value = getattr(form, name, None)
        if value is None or value in ((), {}):
            continue
        if name == "steps":
            yield from ((name, text) for text in _steps(value, language))
        elif sentence:
            yield name, sentence.format_map(slots)
        elif name == "late":
            accept = language.duration(value.accept)
            yield name, language.values[f"late={value.on_late}"].format(accept=accept)
        elif f"{name}={value}" in language.values:
            yield name, language.values[f"{name}={value}"]
        elif name not in sentences:
            yield name, language.say("other", field=name, value=slots[name])


def _steps(steps: tuple[Step, ...], language: Language) -> Iterator[str]:
    yield language.say("step:first", trigger=trigger(steps[0], language))
    for step in steps[1:]:
        said = trigger(step, language)
        if step.gap is None:
            yield language.say("step:next", trigger=said)
        else:
            yield language.say("step:gap", trigger=said, gap=gap(step.gap, language))


def _calendars(form: RuleForm) -> list[str]:
    found = [getattr(getattr(form, name), "calendar", None) for name in type(form).model_fields]
    return list(dict.fromkeys(id for id in found if id))


def _calendar(calendar: Calendar, language: Language) -> str:
    """Days with equal hours are said together."""
    form = calendar.form
    spans: list[tuple[list[int], tuple[Hours, ...]]] = []
    for day, hours in enumerate(form.by_weekday()):
        if spans and spans[-1][1] == hours:
            spans[-1][0].append(day)
        else:
            spans.append(([day], hours))
    week = [
        language.say("week", days=_days(days, language), hours=_hours(hours, language))
        for days, hours in spans
        if hours
    ]
    years = [
        language.say("provisional", year=year) if own.provisional else str(year)
        for year, own in sorted(form.years.items())
    ]
    said = {"week": language.join(week, "and_also"), "years": language.join(years)}
    return language.say("calendar", id=calendar.id, tz=form.tz, **said)


def _days(days: list[int], language: Language) -> str:
    first, last = language.weekdays[days[0]], language.weekdays[days[-1]]
    return first if len(days) == 1 else language.say("days", first=first, last=last)


def _hours(hours: tuple[Hours, ...], language: Language) -> str:
    return language.join([f"{_clock(start)}–{_clock(end)}" for start, end in hours])


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"


def _tidy(text: str) -> str:
    """Chinese marks have their space in them."""
    return _MARK.sub(r"\1", text).strip()


def _kind(form: RuleForm) -> str:
    return str(getattr(form, "kind", ""))
