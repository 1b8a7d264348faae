"""A rule set ready to run: rules compiled to closures and indexed by the event types they read."""

from __future__ import annotations

from collections.abc import Mapping

from rules.kinds.composite import CompiledComposite
from rules.kinds.registry import COMPILERS, Rule
from rules.loader import RuleBook
from rules.membership import depth
from rules.momentum import ID as MOMENTUM
from rules.momentum import Momentum
from rules.suppression import Suppression, has_suppression

RUNNING = ("active", "shadow")


class RuleSet:
    """rules: by id. by_type: the rules that read an event type, in the order of their ids.

    finishing: of these ids, old versions that still have open cases, the digest of their set.
    composites: each after its members. watched: ids of the rules that others listen to.
    keepers: who looks after cases, by the id that these are kept under. momentum: of accounts.
    suppressed: of rules, by their ids, that do not announce all that they say.
    """

    def __init__(
        self, digest: str, rules: list[Rule], finishing: Mapping[str, str] | None = None
    ) -> None:
        self.digest = digest
        self.finishing = dict(finishing or {})
        self.rules = {rule.id: rule for rule in sorted(rules, key=lambda rule: rule.id)}
        self.by_type: dict[str, list[Rule]] = {}
        for rule in self.rules.values():
            for type in sorted(rule.types):
                self.by_type.setdefault(type, []).append(rule)
        current = [rule.form for rule in self.rules.values() if rule.id == rule.form.id]
        self.momentum = Momentum(current, digest)
        self.keepers: dict[str, Rule | Momentum] = {**self.rules, MOMENTUM: self.momentum}
        forms = {id: rule.form for id, rule in self.rules.items()}
        made = [rule for rule in self.rules.values() if isinstance(rule, CompiledComposite)]
        self.composites = sorted(made, key=lambda rule: (depth(rule.id, forms), rule.id))
        self.watched = frozenset(id for rule in made for id in rule.members)
        self.watched |= self.momentum.weights.keys()
        held = [rule for rule in self.rules.values() if isinstance(rule, Suppression)]
        self.suppressed = {rule.form.id: rule for rule in held}
        self.feeds = frozenset(feed for rule in rules for feed in rule.feeds)


def compile_rules(book: RuleBook) -> RuleSet:
    """Drafts and deprecated rules stay out."""
    forms = [form for form in book.rules if form.status in RUNNING]
    rules: list[Rule] = [COMPILERS[form.kind](form, book.calendars, book.digest) for form in forms]
    rules += [Suppression(form, book.calendars) for form in forms if has_suppression(form)]
    return RuleSet(book.digest, rules)
