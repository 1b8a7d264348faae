"""Composites and their members: which rules a composite is made of, and faults of that.

Checked when a rule set is loaded, over all its rules: a worker never waits for what cannot come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from models.errors import Fault
from rules.form_faults import did_you_mean
from rules.grammar import RuleForm
from rules.grammar_signals import CompositeRule, MismatchRule
from rules.positions import Document


def members(form: RuleForm) -> list[str]:
    """The ids of the rules whose hits it counts."""
    return [member.rule for member in form.of] if isinstance(form, CompositeRule) else []


def below(id: str, forms: Mapping[str, RuleForm]) -> list[str]:
    """All that a rule is made of, members of members too, each once, itself not unless it is."""
    found: list[str] = []
    waiting = [id]
    while waiting:
        form = forms.get(waiting.pop())
        fresh = [part for part in members(form) if part not in found] if form else []
        found += fresh
        waiting += fresh
    return found


def depth(id: str, forms: Mapping[str, RuleForm]) -> int:
    """How many composites stand one on the other below it; there is no circle."""
    own = members(forms[id]) if id in forms else []
    return 1 + max(depth(part, forms) for part in own) if own else 0


def member_faults(
    forms: Mapping[str, RuleForm], documents: Mapping[str, Document], known: set[str]
) -> Iterator[Fault]:
    """known: the ids of all rules, those with faults too."""
    for id, form in forms.items():
        for i, part in enumerate(members(form)):
            path = ("of", i, "rule")
            if part not in known:
                yield documents[id].fault(path, f"no rule {part!r}; {did_you_mean(part, known)}")
            elif id == part or id in below(part, forms):
                yield documents[id].fault(path, f"a circle: {part} waits for {id}")
            elif part in forms:
                for n, field in enumerate(form.key):
                    if field not in _key(forms[part]):
                        message = f"{part} has no {field} in its `key`: its hits do not tell it"
                        yield documents[id].fault(("key", n), message)


def _key(form: RuleForm) -> tuple[str, ...]:
    return (*form.key, *form.join) if isinstance(form, MismatchRule) else form.key
