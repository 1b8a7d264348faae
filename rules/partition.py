"""A partition: its accounts, clock, deadlines and active rules. A function of its log alone.

Records go in one by one, in log order; decisions come out. No wall clock, no I/O.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from models.account import Account, Limits
from models.case import EpisodeCase
from models.event import Event
from models.score import Score
from rules import engine
from rules.asleep import WAKE, Accounts
from rules.context import Context, Output
from rules.engine import EngineFault
from rules.feeds import feed_alert
from rules.handover import hand_over, old_version, with_finishing
from rules.kinds.registry import Rule
from rules.momentum import ID as MOMENTUM
from rules.ruleset import RuleSet


class Partition:
    """lateness_ms: how far the clock runs behind the newest event.

    dirty: ids of the accounts that changed; whoever writes them down clears it.
    """

    def __init__(
        self,
        rules: RuleSet,
        *,
        topic: str,
        partition: int,
        lateness_ms: int,
        limits: Limits | None = None,
    ) -> None:
        self.rules = rules
        self.lateness_ms = lateness_ms
        self.dirty: set[str] = set()
        self.context = Context(topic, partition, limits or Limits())
        self._accounts = Accounts(self.context.heap)
        self._awake = self._accounts.awake
        self.context.digest = rules.digest
        self.context.watched = rules.watched

    @property
    def clock(self) -> int:
        """ms; never goes back."""
        return self.context.clock

    @property
    def accounts(self) -> Mapping[str, Account]:
        """All of them by id, awake from now on: for tests and tools."""
        self._accounts.wake_all()
        return self._awake

    @property
    def size(self) -> int:
        """How many accounts there are."""
        return len(self._accounts)

    @property
    def stats(self) -> Counter[str]:
        """Counts by named reason, for metrics."""
        return self.context.stats

    def advance(self, event: Event) -> list[Output]:
        """An event of an account of this partition, in log order."""
        account = self._awake.get(event.subject) or self.account(event.subject)
        self.dirty.add(account.id)
        context = self.context
        if engine.advance(account, event, self.rules, context):
            clock = event.at - self.lateness_ms
            if clock > context.clock:
                self._move(clock)
        return context.take() if context.out else []

    def account(self, id: str) -> Account:
        """The account; a new one if nobody has seen it."""
        if (account := self._accounts.find(id)) is None:
            account = self._awake[id] = Account(id)
        return account

    def wake(self, most: int) -> bool:
        """Make ready for `feed` and `activate`, which look at every open case. Whether there is
        more to do: they do the rest themselves, but all at once.
        """
        return self._accounts.wake(most)

    def tick(self, clock_ms: int) -> list[Output]:
        """Time passed with no event."""
        self._move(clock_ms)
        return self.context.take()

    def feed(self, name: str, max_stale_ms: int, stale: bool, lead: bool) -> list[Output]:
        """A feed went stale or came back. lead: this partition speaks for the feed."""
        feed = (name, max_stale_ms)
        if stale == (feed in self.context.stale):
            return []
        if lead and feed in self.rules.feeds:
            feed_alert(self.context, name, max_stale_ms, stale)
        if stale:
            self.context.stale.add(feed)
            return self.context.take()
        self.context.stale.discard(feed)
        rules, context = self.rules.rules, self.context
        self._look_again(
            lambda case, rule: case.held > 0 and feed in rules[rule].feeds,
            lambda rule, *case: rule.expire(*case, context),
        )
        return self.context.take()

    def activate(self, rules: RuleSet) -> list[Output]:
        """Another rule set takes over; what becomes of open cases see `handover.py`."""
        old, context = self.rules, self.context
        if rules.digest == old.digest:
            return []
        kept: dict[str, str] = {}
        self._accounts.wake()
        for account in sorted(self._awake.values(), key=lambda account: account.id):
            for rule_id in sorted(account.cases):  # a rule before its suppression
                if rule_id == MOMENTUM:
                    continue
                if rule_id in old.finishing:
                    kept[rule_id] = old.finishing[rule_id]
                elif id := self._hand_over(account, rule_id, rules):
                    kept[id] = old.digest
        self.rules = with_finishing(rules, kept, lambda id: old_version(old, id))
        context.digest = rules.digest
        context.watched = self.rules.watched
        self._look_again(lambda case, rule: True, lambda rule, *case: rule.renew(*case, context))
        return context.take()

    def take_scores(self) -> list[Score]:
        """The scores since the last call."""
        scores, self.context.scores = self.context.scores, []
        return scores

    def erase(self, account: str) -> None:
        """Forget an account, and say nothing of it; an event that comes later is its first."""
        self.dirty.discard(account)
        if self._accounts.forget(account):
            heap = self.context.heap
            heap[:] = [entry for entry in heap if entry[1] != account]
            heapq.heapify(heap)
            self.stats["erased"] += 1

    def next_deadline(self) -> int | None:
        """ms; a lower bound, since entries of cases that moved on stay in the heap."""
        heap = self.context.heap
        while heap and not self._is_live(*heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def count_due(self, until_ms: int) -> int:
        """Deadlines up to there: of a heap, only what is due and its children are looked at."""
        heap, waiting, found = self.context.heap, [0], 0
        while waiting:
            place = waiting.pop()
            if place < len(heap) and heap[place][0] <= until_ms:
                found += 1
                waiting += (2 * place + 1, 2 * place + 2)
        return found

    def header(self) -> dict[str, Any]:
        """What a checkpoint must keep beside the accounts."""
        return {
            "clock": self.clock,
            "digest": self.rules.digest,
            "feeds": sorted(self.context.stale),
            **({"finishing": self.rules.finishing} if self.rules.finishing else {}),
        }

    def restore(self, stored: Iterable[tuple[str, bytes]], header: dict[str, Any]) -> list[str]:
        """Take up where a checkpoint left off, under the rule set that it names.

        stored: accounts by id, see `snapshot.py`; raises as `read_front`. Returns the ids of those
        that are in quarantine.
        """
        assert header["digest"] == self.rules.digest, "restore under the rules of the checkpoint"
        assert header.get("finishing", {}) == self.rules.finishing, "and under the old versions"
        context = self.context
        context.clock = header["clock"]
        context.stale = {(name, max_stale) for name, max_stale in header["feeds"]}
        return self._accounts.add(stored)

    def _is_live(self, due: int, account: str, rule: str, name: str) -> bool:
        if rule == WAKE:
            return self._accounts.is_asleep(account)
        case = self._awake[account].cases.get(rule, {}).get(name)
        return getattr(case, "due", 0) == due

    def _move(self, clock: int) -> None:
        context = self.context
        if clock > context.clock:
            context.clock = clock
            heap = context.heap
            while heap and heap[0][0] <= clock:
                due, id, rule, name = heapq.heappop(heap)
                try:
                    account = self._awake.get(id) or self.account(id)
                    told = rule != WAKE and engine.expire(
                        account, rule, name, due, self.rules, context
                    )
                except Exception as error:
                    raise EngineFault(id) from error
                if told:
                    self.dirty.add(id)

    def _look_again(
        self,
        wanted: Callable[[EpisodeCase, str], bool],
        look: Callable[[Rule, Account, str, EpisodeCase], None],
    ) -> None:
        """Look at cases at the clock as it stands, in the order in which they fell due."""
        self._accounts.wake()
        waiting = [
            (case.held, account.id, rule_id, name, case)
            for account in self._awake.values()
            for rule_id, cases in account.cases.items()
            for name, case in cases.items()
            if isinstance(case, EpisodeCase) and wanted(case, rule_id)
        ]
        for _, account_id, rule_id, name, case in sorted(waiting, key=lambda found: found[:4]):
            self.dirty.add(account_id)
            try:
                account, told = self._awake[account_id], len(self.context.out)
                look(self.rules.rules[rule_id], account, name, case)
                engine.conclude(account, self.rules, self.context, told)
            except Exception as error:
                raise EngineFault(account_id) from error

    def _hand_over(self, account: Account, rule_id: str, rules: RuleSet) -> str | None:
        """The id under which the old version has to be kept, if it has."""
        old, new = self.rules.rules[rule_id], rules.rules.get(rule_id)
        if _same(old, new):
            return None
        self.dirty.add(account.id)
        told = len(self.context.out)
        try:
            kept = hand_over(account, old, new, self.context, self.rules.digest)
            engine.conclude(account, self.rules, self.context, told)
            return kept
        except Exception as error:
            raise EngineFault(account.id) from error


def _same(old: Any, new: Any) -> bool:
    """Whether open cases may go on: all that decides is equal (tests do not)."""
    if new is None:
        return False
    undecided = {"tests": (), "on_change": "expire"}
    return bool(old.form.model_copy(update=undecided) == new.form.model_copy(update=undecided))
