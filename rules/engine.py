"""The heart: what an account's rules say when something happens, and when time passes.

    advance(account, event, rules, context)    something happened
    expire(account, rule, name, rules, context)      time passed and it did not

Both change the account and put their decisions into the context. Four drivers share them: the Kafka
agent, the backtest, the tests inside rule files, the simulation.
"""

from __future__ import annotations

from models.account import Account
from models.event import Event
from rules.context import Context, Output
from rules.ruleset import RuleSet


class EngineFault(Exception):
    """A bug on an account that a deadline, a feed or a rule set touched, not the event at hand.

    account: its id, for whoever sets it aside.
    """

    def __init__(self, account: str) -> None:
        super().__init__("the engine failed on an account that time or a control record touched")
        self.account = account


SWEEP_EVERY = 32  # events of an account between two looks for cases that can be forgotten


def advance(account: Account, event: Event, rules: RuleSet, context: Context) -> bool:
    """Apply an event in log order; False when it is a repeat and changes nothing but the memory.

    The context's clock is the partition's before the event.
    """
    limits = context.limits
    if not account.remember(event, limits.remembered_ids):
        context.stats["repeated"] += 1
        return False
    if event.at < account.latest:
        context.stats["late"] += 1
    account.apply(event, limits.sequence_length)
    for rule in rules.by_type.get(event.type, ()):
        rule.advance(account, event, context)
    if context.out:
        conclude(account, rules, context, 0)
    if account.applied % SWEEP_EVERY == 0:
        sweep(account, rules, context)
    return True


def expire(
    account: Account, rule_id: str, name: str, due: int, rules: RuleSet, context: Context
) -> bool:
    """The clock has reached a scheduled instant; False when the case has moved on since."""
    case = account.cases.get(rule_id, {}).get(name)
    if case is None or getattr(case, "due", 0) != due:
        return False
    told = len(context.out)
    rules.keepers[rule_id].expire(account, name, case, context)
    conclude(account, rules, context, told)
    return True


def conclude(account: Account, rules: RuleSet, context: Context, told: int) -> None:
    """What rules have just said of the account, all outputs from number `told` on.

    Composites and the momentum hear it; then what is to be held back goes.
    """
    if context.heard:
        for composite in rules.composites:
            composite.hear(account, context.heard, context)
        rules.momentum.hear(account, context.heard, context)
        context.heard = []
    if rules.suppressed and len(context.out) > told:
        fresh = context.out[told:]
        context.out[told:] = [o for o in fresh if _is_announced(account, o, rules, context)]


def _is_announced(account: Account, output: Output, rules: RuleSet, context: Context) -> bool:
    suppression = rules.suppressed.get(output.alert.rule.id)
    return suppression is None or suppression.admits(account, output, context)


def sweep(account: Account, rules: RuleSet, context: Context) -> None:
    """Forget cases that can no longer say anything: state stays bounded."""
    for rule_id in list(account.cases):
        rules.keepers[rule_id].sweep(account, context)
        if not account.cases[rule_id]:
            del account.cases[rule_id]
