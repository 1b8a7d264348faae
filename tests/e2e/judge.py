"""The judge: what the pure engine says of the same log, and what the workers have said."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from models.account import Account, Limits
from models.alert import encode_alert
from models.errors import BadInput
from rules.loader import load
from rules.partition import Partition
from rules.ruleset import RuleSet, compile_rules
from rules.snapshot import decode_account
from streams.codec import parse_event
from streams.control import Activate, Erase, Feed, Skew, Tick, is_control, parse_control
from streams.keyring import load_keyring
from streams.reader import Stored
from streams.seal import Seal
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import stored

SKEW_MS = 300_000  # PATHLINE_FUTURE_SKEW_S, where a test does not change it


class Verdict:
    """alerts: (topic, alert without emitted_at) in order, by account. accounts: their state."""

    def __init__(self) -> None:
        self.alerts: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self.accounts: dict[str, Account] = {}

    def add(self, topic: str, alert: dict[str, Any]) -> None:
        del alert["emitted_at"]
        self.alerts[alert["account"]].append((topic, alert))

    def by_topic(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """By account and topic: between two topics there is no order."""
        sorted_out: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for account, told in self.alerts.items():
            for topic, alert in told:
                sorted_out[account, topic].append(alert)
        return sorted_out


async def judge(settings: Settings) -> Verdict:
    """What the pure engine says of the interactions as they lie in the log."""
    rules = compile_rules(load(settings.rules, settings.calendars))
    verdict, log = Verdict(), Topics(settings).interactions.name
    keyring = load_keyring(settings.control_key_file)
    for partition, records in (await stored(settings, log)).items():
        engine, seal = engine_for(settings, rules, partition), Seal(keyring, (log, partition))
        for record in records:
            if is_control(record.key) and seal.check(record):
                continue
            for topic, alert in obey(engine, rules, record):
                verdict.add(topic, json.loads(encode_alert(alert)))
        verdict.accounts |= engine.accounts
    return verdict


def engine_for(settings: Settings, rules: RuleSet, partition: int) -> Partition:
    return Partition(
        rules,
        topic=Topics(settings).interactions.name,
        partition=partition,
        lateness_ms=int(settings.lateness_s * 1000),
        limits=Limits(
            sequence_length=settings.sequence_length_max,
            remembered_ids=settings.remembered_ids_max,
        ),
    )


def obey(engine: Partition, rules: RuleSet, record: Stored) -> list[Any]:
    """One record of the log, without the shell."""
    if not is_control(record.key):
        return engine.advance(parse_event(record.value, record.offset))
    match parse_control(record.key or b"", record.value):
        case Tick() as tick:
            try:
                skew = Skew(engine.lateness_ms, SKEW_MS)
                return engine.tick(skew.clock_of(tick, record.timestamp))
            except BadInput:  # of a worker whose clock is wrong
                return []
        case Feed(feed=feed, max_stale_ms=max_stale_ms, stale=stale, lead=lead):
            return engine.feed(feed, max_stale_ms, stale, lead)
        case Activate(digest=digest):
            assert digest == rules.digest
            return engine.activate(rules)
        case Erase(account=account):
            engine.erase(account)
            return []
    raise AssertionError(record.key)


async def published(settings: Settings) -> Verdict:
    """What the workers have said and kept, as a read_committed consumer sees it."""
    topics, verdict = Topics(settings), Verdict()
    for name in ("sla-breaches", "journey-breaks", "signals"):
        for records in (await stored(settings, topics.alerts(name).name)).values():
            for record in records:
                verdict.add(name, json.loads(record.value or b""))
    for records in (await stored(settings, topics.follow_changelog.name)).values():
        for record in records:
            if record.key and record.key[:1] != b"\x00":
                verdict.accounts.pop(record.key.decode(), None)
                if record.value:
                    verdict.accounts[record.key.decode()] = decode_account(record.value)
    return verdict


def compare(said: Verdict, expected: Verdict) -> None:
    """Equal: for each account and topic the alerts in order; for each account its state."""
    ours, theirs = said.by_topic(), expected.by_topic()
    for place in ours.keys() | theirs.keys():
        assert ours[place] == theirs[place], place
    assert said.accounts.keys() == expected.accounts.keys()
    for id, account in expected.accounts.items():
        assert settled(said.accounts[id]) == settled(account)


def settled(account: Account) -> Account:
    """Without what an engine notes for itself between two looks: it says nothing of the account."""
    for cases in account.cases.values():
        for case in cases.values():
            for episode in getattr(case, "base", ()):
                episode.coming = 0
    return account
