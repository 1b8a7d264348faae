"""What `follow` does with one partition: the heart of Pathline.

Decodes, hands to `rules/partition.py`, gathers what it says for the checkpoint. A bad record goes
to the dead letters. An engine that raises is a bug: see `streams/quarantine.py`.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from models.account import Account
from models.errors import BadInput
from rules.context import Output
from rules.engine import EngineFault
from rules.partition import Partition
from rules.ruleset import RuleSet
from rules.snapshot import DAMAGED, encode_account
from streams.announce import Announcer
from streams.codec import parse_event
from streams.control import (
    Activate,
    Control,
    Erase,
    Feed,
    Skew,
    Tick,
    is_control,
    parse_control,
)
from streams.job import Poison, Record, Snapshot
from streams.position import damaged
from streams.quarantine import Quarantine
from streams.rejects import Rejects
from streams.seal import Seal


class FollowJob:
    """One partition of the interactions.

    wanted_digest: of the set that it is to have. rules_of: the rule set of a digest that a control
    record names; whoever feeds the job has loaded it before. skew: bounds ticks. state_bytes_max:
    of an account, as it is written. seal: which control records count.
    """

    tells_apart = True  # an account is hundreds of bytes, an alert is in a hurry

    def __init__(
        self,
        partition: Partition,
        announcer: Announcer,
        rejects: Rejects,
        poison: Sequence[Poison],
        *,
        wanted_digest: str,
        rules_of: Callable[[str], RuleSet],
        seal: Seal,
        skew: Skew,
        state_bytes_max: int,
    ) -> None:
        self.partition = partition
        self._announcer = announcer
        self._rejects = rejects
        self._quarantine = Quarantine(partition, poison)
        self._wanted_digest = wanted_digest
        self._rules_of = rules_of
        self.seal = seal
        self._skew = skew
        self._state_bytes_max = state_bytes_max
        self._applied = 0
        self._waiting: list[tuple[Output, int | None]] = []
        self._erased: list[str] = []

    @property
    def clock(self) -> int:
        return self.partition.clock

    @property
    def outputs_waiting(self) -> bool:
        return bool(self._waiting or self._rejects.waiting or self.partition.context.scores)

    def apply(self, records: Sequence[Record]) -> None:
        advance, quarantine, waiting = self.partition.advance, self._quarantine, self._waiting
        for ahead, record in enumerate(records):
            if is_control(record.key):
                self._steer(record, ahead)
                continue
            try:
                event = parse_event(record.value, record.offset)
                if quarantine.watches:
                    quarantine.check(record, event.subject)
            except BadInput as fault:
                self._reject(record, fault, ahead)
                continue
            try:
                outputs = advance(event)
            except Exception as error:
                _raise_poison(record, event.subject, error)
            self._applied += 1
            if outputs:
                since = record.timestamp
                waiting += [(output, since) for output in outputs]
        self._rejects.seen(len(records))

    def _reject(self, record: Record, fault: BadInput, ahead: int) -> None:
        if fault.reason == Quarantine.REASON:
            self._rejects.set_aside(record, fault)
        else:
            self._rejects.add(record, fault, ahead)

    def _steer(self, record: Record, ahead: int) -> None:
        """A control record: time, rules, feeds, erasure."""
        if refusal := self.seal.check(record):
            self.partition.stats[f"refuse:{refusal}"] += 1
            return
        try:
            control = parse_control(record.key or b"", record.value)
            if isinstance(control, Tick):
                clock_ms = self._skew.clock_of(control, record.timestamp)
                control = Tick(clock_ms=clock_ms)
            self._quarantine.check(record, None)
        except BadInput as fault:
            self._rejects.add(record, fault, ahead)
            return
        since = None if isinstance(control, Tick) else record.timestamp
        try:
            outputs = self._obey(control)
        except Exception as error:
            _raise_poison(record, None, error)
        self._waiting += [(output, since) for output in outputs]

    def _obey(self, control: Control) -> list[Output]:
        match control:
            case Tick(clock_ms=clock_ms):
                return self.partition.tick(clock_ms)
            case Activate(digest=digest):
                return self.partition.activate(self._rules_of(digest))
            case Feed(feed=name, max_stale_ms=max_stale_ms, stale=stale, lead=lead):
                return self.partition.feed(name, max_stale_ms, stale, lead)
            case Erase(account=account):
                self.partition.erase(account)
                self._erased.append(account)
                self._quarantine.release(account)
                return []
        raise AssertionError(f"a control record that nobody obeys: {control}")

    def snapshot(self, now_ms: int) -> Snapshot:
        partition = self.partition
        dirty = partition.dirty
        changes: list[tuple[bytes, bytes | None]] = [(id.encode(), None) for id in self._erased]
        self._erased.clear()
        changes += [(id.encode(), self._encode(partition.account(id))) for id in dirty]
        dirty.clear()
        header = {**partition.header(), "rejects": self._rejects.header()}
        header |= {"sealed": True} if self.seal.closed else {}
        return self.tell(now_ms)._replace(changes=changes, header=header)

    def _encode(self, account: Account) -> bytes:
        """For the changelog. An account that no record of it can hold goes into quarantine, or each
        checkpoint would end the worker.
        """
        value = encode_account(account)
        if len(value) > self._state_bytes_max:
            self._quarantine.confine(account.id)
            self.partition.stats["state_too_large"] += 1
            value = encode_account(account)
        return value

    def tell(self, now_ms: int) -> Snapshot:
        outputs = self._announcer.announce(self._waiting, now_ms)
        self._waiting.clear()
        outputs += self._announcer.announce_scores(self.partition.take_scores(), now_ms)
        stats = Counter(self.partition.stats)
        self.partition.stats.clear()
        stats["applied"] += self._applied - stats["repeated"]
        self._applied = 0
        return Snapshot([], {}, outputs + self._rejects.take(), stats)

    def restore(self, blobs: Iterable[tuple[bytes, bytes]], header: Mapping[str, Any]) -> None:
        """Raises Unavailable when a later release wrote the state, BadSetting if it is damaged."""
        stored = ((key.decode(), value) for key, value in blobs)
        try:
            confined = self.partition.restore(stored, dict(header))
        except DAMAGED as error:
            raise damaged("the record of an account", error) from None
        self._quarantine.restore(confined)
        self._rejects.restore(header["rejects"])

    def greetings(self) -> list[Control]:
        """The wanted rule set takes over where another one is active; and closes the seal."""
        wanted, seal = self._wanted_digest, self.seal
        is_due = self.partition.rules.digest != wanted or (seal.keyring and not seal.closed)
        return [Activate(digest=wanted)] if is_due else []

    def next_deadline(self) -> int | None:
        return self.partition.next_deadline()

    @property
    def rules_digest(self) -> str:
        return self.partition.rules.digest

    def gauges(self, until_ms: int) -> Mapping[str, float]:
        """Deadlines in the heap: cases that moved on leave an entry behind, and an account that is
        asleep has one for all of its own.
        """
        self.next_deadline()  # takes the first ones out that count no longer
        return {
            "pathline_accounts": self.partition.size,
            "pathline_deadlines_open": len(self.partition.context.heap),
            "pathline_deadlines_overdue": self.partition.count_due(until_ms),
        }


def _raise_poison(record: Record, account: str | None, error: Exception) -> NoReturn:
    """The engine names the account when it is not the event's own."""
    culprit = error.account if isinstance(error, EngineFault) else account
    raise Poison(record.offset, culprit, traceback.format_exc()) from error
