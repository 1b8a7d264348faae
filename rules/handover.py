"""What becomes of a rule's open cases when another version of it takes over: `on_change`.

Called by `partition.py` when the log activates a rule set.

    expire   they end, and what they have said expires; the default
    finish   they go on under the old version, which takes no new ones
    migrate  they are measured anew by the new version, and what it says otherwise is told
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy

from msgspec.structs import replace as changed

from models.account import Account
from models.case import Case, Episode, EpisodeCase, Mark, RunCase
from rules.context import Context
from rules.kinds.episodes import EpisodeRule
from rules.kinds.registry import Rule
from rules.kinds.sequence import CompiledSequence
from rules.kinds.timeline import START
from rules.ruleset import RuleSet

DIGEST_LENGTH = 12
VERSIONS_MAX = 4  # of one rule that finish in one account at a time; more expire, and are counted


def finishing_id(rule_id: str, digest: str) -> str:
    """Under which the cases of an old version are kept; no rule is called so.

    >>> finishing_id("legal.reply", "0123456789abcdef")
    'legal.reply@0123456789ab'
    """
    return f"{rule_id}@{digest[:DIGEST_LENGTH]}"


def hand_over(
    account: Account, old: Rule, new: Rule | None, context: Context, digest: str
) -> str | None:
    """Do as the new version says, or the old one when the rule is gone. digest: of the old set.

    Returns the id under which the old version has to be kept, if it has.
    """
    way = (new or old).form.on_change
    cases = account.cases.pop(old.id)
    if way == "finish" and can_finish(old):
        id = finishing_id(old.id, digest)
        if _has_room(account, old.id, id):
            _keep(account, old, cases, id, context)
            return id
        context.stats["evicted:version"] += 1
    if way == "migrate" and new is not None and _can_migrate(old, new):
        for case in cases.values():
            _migrate(case, old, new, context)
        account.cases[new.id] = cases
        return None
    for name, case in sorted(cases.items()):
        old.close(account, name, case, context)
    return None


def _has_room(account: Account, rule_id: str, id: str) -> bool:
    kept = [known for known in account.cases if known.startswith(f"{rule_id}@")]
    return id in kept or len(kept) < VERSIONS_MAX


def _keep(
    account: Account, old: Rule, cases: Mapping[str, Case], id: str, context: Context
) -> None:
    """Beside those that this version left behind before; of one instance the newer case stays."""
    there = account.cases.setdefault(id, {})
    for name, case in sorted(cases.items()):
        if name in there:
            old.close(account, name, there.pop(name), context)
        there[name] = case
        if isinstance(case, EpisodeCase) and case.due:
            context.schedule(case.due, account.id, id, name)


def old_version(rules: RuleSet, id: str) -> Rule:
    """Of a rule under the id that `finishing_id` gave it; one that finishes already, or one that
    is active in this set.
    """
    if id in rules.rules:
        return rules.rules[id]
    return finishing(rules.rules[id.rpartition("@")[0]], rules.digest)


def with_finishing(
    rules: RuleSet, finishing: Mapping[str, str], version: Callable[[str], Rule]
) -> RuleSet:
    """The set, and old versions beside it. finishing: digests by id. version: of such an id."""
    if not finishing:
        return rules
    old = [version(id) for id in finishing]
    return RuleSet(rules.digest, [*rules.rules.values(), *old], finishing)


def can_finish(rule: Rule) -> bool:
    """Whether its cases come to an end by themselves: a chain of waits does not."""
    if isinstance(rule, EpisodeRule):
        return not rule.measure.chained
    return isinstance(rule, CompiledSequence)


def finishing(rule: Rule, digest: str) -> Rule:
    """The version of a rule that looks after its open cases and begins none."""
    old = copy(rule)
    old.id = finishing_id(rule.id, digest)
    first = START if isinstance(rule, EpisodeRule) else 0
    assert isinstance(old, EpisodeRule | CompiledSequence), "others do not finish"
    old.reader = reader = copy(old.reader)
    reader.by_type = {
        type: rest
        for type, pairs in reader.by_type.items()
        if (rest := [pair for pair in pairs if pair[0] != first])
    }
    reader.plain = {
        type: [role for role, _ in pairs]
        for type, pairs in reader.by_type.items()
        if all(where is None for _, where in pairs)
    }
    old.types = frozenset(reader.by_type)
    if isinstance(old, CompiledSequence):
        old.opening = ""
    return old


def _can_migrate(old: Rule, new: Rule) -> bool:
    if old.form.key != new.form.key:
        return False
    if isinstance(old, EpisodeRule) and isinstance(new, EpisodeRule):
        knows_zones = old.zoned or not new.zoned
        return type(old.form) is type(new.form) and knows_zones
    if isinstance(old, CompiledSequence) and isinstance(new, CompiledSequence):
        return old.without == new.without
    return False


def _migrate(case: Case, old: Rule, new: Rule, context: Context) -> None:
    if isinstance(case, EpisodeCase):
        assert isinstance(old, EpisodeRule)
        assert isinstance(new, EpisodeRule)
        _measure_anew(case, old, new, context)
    elif isinstance(case, RunCase):
        assert isinstance(new, CompiledSequence)
        for run in case.runs:
            run.limit = new.limit(run)


def _measure_anew(case: EpisodeCase, old: EpisodeRule, new: EpisodeRule, context: Context) -> None:
    """Episodes of which something may still be said; the others keep what they have said."""
    episodes = case.base[:]
    old.timeline.lay(episodes, case.marks, context.limits.episodes)
    open = [episode for episode in episodes if not _is_settled(case, episode)]
    case.base = [_anew(episode, old, new) for episode in open]
    case.marks = []
    case.held = 0
    numbers = _numbers(old, new)
    said = {e.start.offset: case.published.get(e.start.offset) for e in open}
    case.published = {
        offset: changed(one, steps=[numbers[n] for n in one.steps if n in numbers])
        for offset, one in said.items()
        if one is not None
    }


def _anew(episode: Episode, old: EpisodeRule, new: EpisodeRule) -> Episode:
    start = _remark(episode.start, old, new)
    end = _remark(episode.end, old, new) if episode.end else None
    begun = new.measure.begin(start)
    anew = changed(episode, start=start, end=end, goal=begun.goal, opens=begun.opens)
    anew.due = new.measure.reached(anew, anew.goal) if anew.goal else None
    return anew


def _is_settled(case: EpisodeCase, episode: Episode) -> bool:
    if episode.end is None:
        return False
    said = case.published.get(episode.start.offset)
    if said is not None:
        return said.closed
    return episode.due is None or episode.due > episode.end.at


def _numbers(old: EpisodeRule, new: EpisodeRule) -> dict[int, int]:
    """The steps of the old version by number, as numbers of the new one; by their names."""
    there = {step.name: step.number for step in new.teller.steps.of(1)}
    return {step.number: there[step.name] for step in old.teller.steps.of(1) if step.name in there}


def _remark(mark: Mark, old: EpisodeRule, new: EpisodeRule) -> Mark:
    """With the fields that the new sentence shows, as far as the old one kept them."""
    was, now = _paths(old, mark.role), _paths(new, mark.role)
    if was == now:
        return mark
    values = dict(zip(was, mark.values, strict=False))
    return changed(mark, values=tuple(values.get(path) for path in now))


def _paths(rule: EpisodeRule, role: int) -> list[str]:
    herald = rule.teller.herald
    return [path for name, path in herald.template.fields if name == herald.names[role]]
