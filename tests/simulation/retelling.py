"""What a partition's log says, read by the pure engine alone: alerts, accounts, rejects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from models.account import Account
from models.errors import BadInput
from rules.context import Output
from rules.engine import EngineFault
from rules.partition import Partition
from rules.ruleset import RuleSet
from streams.codec import parse_event
from streams.control import Activate, Control, Erase, Feed, Skew, Tick, is_control, parse_control
from streams.job import LogRecord


class Said(NamedTuple):
    """letters: offset and reason of what is rejected. overdue_ms: the next deadline, if any."""

    outputs: list[Output]
    accounts: dict[str, Account]
    letters: list[tuple[int, str]]
    next_deadline: int | None


class Broken(Exception):
    """The engine broke at this offset, on this account."""

    def __init__(self, offset: int, account: str) -> None:
        self.offset = offset
        self.account = account


def retell(
    log: Sequence[LogRecord],
    new: Callable[[], Partition],
    rules: Mapping[str, RuleSet],
    skew: Skew,
) -> Said:
    """From the beginning; and again, knowing the culprit, whenever the engine breaks."""
    confined: dict[int, list[str]] = defaultdict(list)
    while True:
        try:
            return _Reading(new(), rules, skew, confined).read(log)
        except Broken as broken:
            confined[broken.offset].append(broken.account)


class _Reading:
    def __init__(
        self,
        engine: Partition,
        rules: Mapping[str, RuleSet],
        skew: Skew,
        confined: Mapping[int, list[str]],
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._skew = skew
        self._confined = confined
        self._letters: list[tuple[int, str]] = []

    def read(self, log: Sequence[LogRecord]) -> Said:
        outputs: list[Output] = []
        for record in log:
            try:
                outputs += self._obey(record)
            except BadInput as fault:
                self._letters.append((record.offset, fault.reason))
        engine = self._engine
        return Said(outputs, engine.accounts, self._letters, engine.next_deadline())

    def _obey(self, record: LogRecord) -> list[Output]:
        if is_control(record.key):
            control = parse_control(record.key or b"", record.value)
            if isinstance(control, Tick):
                control = Tick(clock_ms=self._skew.clock_of(control, record.timestamp))
            self._confine(record)
            try:
                return self._steer(control)
            except EngineFault as fault:
                raise Broken(record.offset, fault.account) from None
        event = parse_event(record.value, record.offset)
        self._confine(record)
        if event.subject in self._confined.get(record.offset, ()):
            raise BadInput("engine_fault", "")
        account = self._engine.accounts.get(event.subject)
        if account is not None and account.quarantined:
            raise BadInput("account_quarantined", "")
        try:
            return self._engine.advance(event)
        except EngineFault as fault:
            raise Broken(record.offset, fault.account) from None
        except Exception:
            raise Broken(record.offset, event.subject) from None

    def _confine(self, record: LogRecord) -> None:
        for id in self._confined.get(record.offset, ()):
            account = self._engine.account(id)
            account.quarantined = True
            account.cases.clear()

    def _steer(self, control: Control) -> list[Output]:
        match control:
            case Tick(clock_ms=clock_ms):
                return self._engine.tick(clock_ms)
            case Feed(feed=feed, max_stale_ms=max_stale_ms, stale=stale, lead=lead):
                return self._engine.feed(feed, max_stale_ms, stale, lead)
            case Activate(digest=digest):
                return self._engine.activate(self._rules[digest])
            case Erase(account=account):
                self._engine.erase(account)
                return []
        raise AssertionError(control)
