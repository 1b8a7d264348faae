"""What `follow` does with one partition: the heart of Pathline.

Decodes, hands to `rules/partition.py`, gathers what it says for the checkpoint. A bad record goes
to the dead letters. An engine that raises is a bug: see `streams/quarantine.py`.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from models.account import Account
from models.errors import BadInput
from models.event import Event
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
    UseModel,
    is_control,
    parse_control,
)
from streams.job import Poison, Record, Snapshot
from streams.position import CASES, damaged
from streams.quarantine import Quarantine
from streams.rejects import Rejects
from streams.seal import Seal

if TYPE_CHECKING:
    from streams.scoring import Scores  # brings numpy, which few workers need


class FollowJob:
    """One partition of the interactions.

    wanted_digest: of the set that it is to have. rules_of: the rule set of a digest that a control
    record names; whoever feeds the job has loaded it before. skew: bounds ticks. state_bytes_max:
    of an account, as it is written. seal: which control records count. scores: of the cases of its
    accounts, when there are tasks.
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
        scores: Scores | None = None,
    ) -> None:
        self.partition = partition
        self.scores = scores
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
        if scores is not None:
            scores.follow(partition.rules)
            self._quarantine.forget = scores.erase

    @property
    def clock(self) -> int:
        return self.partition.clock

    @property
    def outputs_waiting(self) -> bool:
        waits = self._waiting or self._rejects.waiting or self.partition.context.scores
        return bool(waits or (self.scores and self.scores.waiting))

    def apply(self, records: Sequence[Record]) -> None:
        advance = self._score if self.scores else self.partition.advance
        quarantine, waiting = self._quarantine, self._waiting
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

    def _score(self, event: Event) -> list[Output]:
        """What the engine does, and then the cases; they take no notice of a repeat."""
        assert self.scores is not None
        stats = self.partition.stats
        repeated = stats["repeated"]
        outputs = self.partition.advance(event)
        fresh = stats["repeated"] == repeated
        self.scores.applied(outputs, self.partition.clock, event if fresh else None)
        return outputs

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
            outputs = self._obey(control, record.timestamp)
            if self.scores is not None:
                self.scores.applied(outputs, self.partition.clock)
        except Exception as error:
            _raise_poison(record, None, error)
        self._waiting += [(output, since) for output in outputs]

    def _obey(self, control: Control, appended_ms: int) -> list[Output]:
        match control:
            case Tick(clock_ms=clock_ms):
                return self.partition.tick(clock_ms)
            case Activate(digest=digest):
                outputs = self.partition.activate(self._rules_of(digest))
                if self.scores is not None:
                    self.scores.follow(self.partition.rules)
                return outputs
            case Feed(feed=name, max_stale_ms=max_stale_ms, stale=stale, lead=lead):
                return self.partition.feed(name, max_stale_ms, stale, lead)
            case Erase(account=account):
                self.partition.erase(account)
                self._erased.append(account)
                self._quarantine.release(account)
                if self.scores is not None:
                    self.scores.erase(account)
                return []
            case UseModel():
                if self.scores and (refusal := self.scores.use(control, appended_ms)):
                    self.partition.stats[f"model:{refusal}"] += 1
                return []
        raise AssertionError(f"a control record that nobody obeys: {control}")

    def snapshot(self, now_ms: int) -> Snapshot:
        partition = self.partition
        dirty = partition.dirty
        changes: list[tuple[bytes, bytes | None]] = []
        for id in self._erased:
            changes += [(id.encode(), None), (CASES + id.encode(), None)]
        self._erased.clear()
        changes += [(id.encode(), self._encode(partition.account(id))) for id in dirty]
        dirty.clear()
        header = {**partition.header(), "rejects": self._rejects.header()}
        header |= {"sealed": True} if self.seal.closed else {}
        if self.scores is not None:
            changes += self.scores.changes(self._state_bytes_max)
            header |= self.scores.header()
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
        outputs += self.scores.outputs(now_ms) if self.scores else []
        stats = Counter(self.partition.stats)
        self.partition.stats.clear()
        stats["applied"] += self._applied - stats["repeated"]
        self._applied = 0
        return Snapshot([], {}, outputs + self._rejects.take(), stats)

    def restore(self, blobs: Iterable[tuple[bytes, bytes]], header: Mapping[str, Any]) -> None:
        """Raises Unavailable when a later release wrote the state, BadSetting if it is damaged."""
        cases: list[tuple[bytes, bytes]] = []
        try:
            confined = self.partition.restore(_accounts(blobs, cases), dict(header))
            if self.scores is not None:
                self.scores.restore(cases, header)
        except (*DAMAGED, BadInput) as error:
            raise damaged("the record of an account", error) from None
        self._quarantine.restore(confined)
        self._rejects.restore(header["rejects"])

    def greetings(self) -> list[Control]:
        """The wanted rule set takes over where another one is active; and closes the seal."""
        wanted, seal = self._wanted_digest, self.seal
        is_due = self.partition.rules.digest != wanted or (seal.keyring and not seal.closed)
        return [Activate(digest=wanted)] if is_due else []

    def next_deadline(self) -> int | None:
        due = self.partition.next_deadline()
        over = self.scores.book.accounts.next_due() if self.scores else None
        return min(filter(None, (due, over)), default=None)

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


def _accounts(
    blobs: Iterable[tuple[bytes, bytes]], cases: list[tuple[bytes, bytes]]
) -> Iterator[tuple[str, bytes]]:
    """The accounts among the records of the changelog; those of cases are put aside."""
    for key, value in blobs:
        if key.startswith(CASES):
            cases.append((key, value))
        else:
            yield key.decode(), value


def _raise_poison(record: Record, account: str | None, error: Exception) -> NoReturn:
    """The engine names the account when it is not the event's own."""
    culprit = error.account if isinstance(error, EngineFault) else account
    raise Poison(record.offset, culprit, traceback.format_exc()) from error
