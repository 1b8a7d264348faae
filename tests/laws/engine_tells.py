"""The engine fed a random case, and what it says in the oracle's terms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone

from models.account import Limits
from models.alert import Alert
from models.event import Event, place, to_ms
from rules.context import Output
from rules.handover import old_version, with_finishing
from rules.partition import Partition
from rules.ruleset import RuleSet
from rules.snapshot import encode_account
from tests.laws.oracle import Told
from tests.laws.oracle_momentum import Scored
from tests.laws.random_rules import Form
from tests.laws.streams_of_events import Case
from tests.story import COMMON, rule_set


def engine_tells(case: Case, scores: list[Scored] | None = None) -> Iterator[tuple[Told, Alert]]:
    """Fed record by record; somewhere on the way all state goes through its bytes.

    scores: takes what was scored on the way.
    """
    sets = rule_sets(case)
    partition = new_partition(sets[case.digest], case)
    for number, record in enumerate(case.records):
        if number == case.restart_at:
            partition = restarted(partition, case, sets)
        for output in fed(partition, number, record, sets):
            told = as_told(number, output.alert, case)
            rule = case.set_of(told.digest)[told.rule]
            assert output.alert.rule.version == rule.get("version", COMMON["version"])
            yield told, output.alert
        for score in partition.take_scores():
            if scores is not None:
                at = to_ms(score.occurred_at)
                scores.append(Scored(number, score.account, at, score.value, score.stages))


def rule_sets(case: Case) -> dict[str, RuleSet]:
    """All that the case brings, by digest."""
    digests = {case.digest, *(r["digest"] for r in case.records if "rules" in r)}
    forms = {digest: case.set_of(digest).values() for digest in digests}
    return {name: rule_set(*rules, calendars=case.calendars) for name, rules in forms.items()}


def new_partition(rules: RuleSet, case: Case) -> Partition:
    limits = Limits(remembered_ids=case.remembered_ids, marks=1_000, episodes=64)
    return Partition(
        rules, topic="interactions", partition=0, lateness_ms=case.lateness_ms, limits=limits
    )


def restarted(partition: Partition, case: Case, sets: Mapping[str, RuleSet]) -> Partition:
    """Through the bytes of its accounts, under the rule sets that its header names."""
    blobs = [(account.id, encode_account(account)) for account in partition.accounts.values()]
    header = json.loads(json.dumps(partition.header()))
    active = sets[header["digest"] if case.digest else ""]
    kept = header.get("finishing", {})
    rules = with_finishing(active, kept, lambda id: old_version(sets[kept[id]], id))
    other = new_partition(rules, case)
    other.restore(blobs, header)
    return other


def fed(
    partition: Partition, number: int, record: Form, sets: Mapping[str, RuleSet]
) -> list[Output]:
    if "rules" in record:
        return partition.activate(sets[record["digest"]])
    if "tick" in record:
        return partition.tick(record["tick"])
    if "feed" in record:
        return partition.feed(record["feed"], record["max_stale_ms"], record["stale"], lead=False)
    return partition.advance(as_event(record["event"], offset=number))


def as_event(fields: Form, offset: int) -> Event:
    zone = timezone(timedelta(minutes=fields.get("utc_offset_min", 0)))
    time = datetime.fromtimestamp(0, zone) + timedelta(milliseconds=fields["time_ms"])
    names = ("id", "source", "type", "data", "actorkind", "accounttz")
    given = {name: fields[name] for name in names if name in fields}
    return place(Event(specversion="1.0", time=time, subject=fields["account"], **given), offset)


def as_told(number: int, alert: Alert, case: Case) -> Told:
    return Told(
        record=number,
        rule=alert.rule.id,
        account=alert.account,
        key=json.dumps(alert.key, separators=(",", ":")),
        state=alert.state.value,
        step=alert.step,
        at=to_ms(alert.occurred_at),
        due=None if alert.due_at is None else to_ms(alert.due_at),
        owner=alert.owner,
        name=named(alert),
        digest=alert.rule.digest if case.digest else "",
    )


def named(alert: Alert) -> tuple[str, ...]:
    """The ids of the events that tell this alert from the others of its instance."""
    ids = [one.id for one in alert.evidence]
    if alert.kind == "sequence":
        steps = sorted(alert.evidence, key=lambda one: one.offset)
        return (steps[0].id, steps[-1].id)
    if alert.kind == "composite":
        return tuple(dict.fromkeys(ids))
    return tuple(ids[: 2 if alert.kind == "mismatch" else 1])
