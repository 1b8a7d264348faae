"""The engine and the brute-force oracle, two readings of one text, say the same of random logs.

    PATHLINE_LAWS_CASES=50000 PATHLINE_LAWS_SEED=7 python -m pytest tests/laws/test_oracle_agrees.py

looks longer and elsewhere. A failure shows the smallest case that hypothesis finds.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import zip_longest
from typing import Any

from hypothesis import HealthCheck, Phase, event, given, note, seed, settings

from models.account import Limits
from models.alert import Alert
from models.event import Event, place, to_ms
from rules.context import Output
from rules.partition import Partition
from rules.ruleset import RuleSet
from rules.snapshot import decode_account, encode_account
from tests.laws.oracle import Told, tell
from tests.laws.random_rules import NEEDED
from tests.laws.streams_of_events import Case, cases
from tests.story import rule_set

CASES = int(os.environ.get("PATHLINE_LAWS_CASES", "2000"))
SEED = int(os.environ.get("PATHLINE_LAWS_SEED", "20260302"))
STEPS = {  # all that an alert can say, and so must turn up
    *("pending warn", "firing due", "firing escalate", "firing match"),
    *("resolved stop", "expired cancel", "expired superseded"),
    *("retracted retract", "retracted vanished", "expired vanished"),
    "after a feed came back",
    "firing again after a retraction",
}
drawn = settings(
    database=None,  # the seed decides alone
    deadline=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_engine_and_oracle_agree() -> None:
    seen: Counter[str] = Counter()

    @seed(SEED)
    @settings(drawn, max_examples=CASES)
    @given(cases())
    def agree(case: Case) -> None:
        expected = oracle_tells(case)
        actual = list(engine_tells(case))
        for told in set(classes(case, expected)):
            seen[told] += 1
            event(told)
        note(f"seed {SEED}")
        if actual != expected:
            pairs = zip_longest(actual, expected)
            engine, oracle = next(pair for pair in pairs if pair[0] != pair[1])
            raise AssertionError(f"first difference\n  engine: {engine}\n  oracle: {oracle}")

    agree()
    assert {step for step in STEPS if not seen[step]} == set(), "never drawn"


def test_every_option_that_is_drawn_decides_something() -> None:
    """Leaving it out changes what is told, in some case: the draws do reach what it means."""
    decided: Counter[str] = Counter()
    offered: set[str] = set()

    @seed(SEED)
    @settings(drawn, max_examples=min(CASES, 500), phases=[Phase.generate])
    @given(cases())
    def leave_out(case: Case) -> None:
        told = oracle_tells(case)
        for option, without in left_out(case):
            offered.add(option)
            decided[option] += oracle_tells(without) != told

    leave_out()
    assert {option for option in offered if not decided[option]} == {
        "sequence: late"
    }  # by the text


def oracle_tells(case: Case) -> list[Told]:
    return tell(
        case.records,
        case.rules,
        case.calendars,
        lateness_ms=case.lateness_ms,
        remembered_ids=case.remembered_ids,
    )


def engine_tells(case: Case) -> Iterator[Told]:
    """Fed record by record; half-way through, all state goes through its bytes."""
    rules = rule_set(*case.rules, calendars=case.calendars)
    partition = new_partition(rules, case)
    for number, record in enumerate(case.records):
        if number == case.restart_at:
            partition = restarted(partition, case)
        for output in fed(partition, number, record):
            yield as_told(number, output.alert)


def new_partition(rules: RuleSet, case: Case) -> Partition:
    limits = Limits(remembered_ids=case.remembered_ids, marks=1_000, episodes=64)
    return Partition(
        rules, topic="interactions", partition=0, lateness_ms=case.lateness_ms, limits=limits
    )


def restarted(partition: Partition, case: Case) -> Partition:
    blobs = [encode_account(account) for account in partition.accounts.values()]
    header = json.loads(json.dumps(partition.header()))
    other = new_partition(partition.rules, case)
    other.restore(map(decode_account, blobs), header)
    return other


def fed(partition: Partition, number: int, record: dict[str, Any]) -> list[Output]:
    if "tick" in record:
        return partition.tick(record["tick"])
    if "feed" in record:
        return partition.feed(record["feed"], record["max_stale_ms"], record["stale"], lead=False)
    return partition.advance(as_event(record["event"], offset=number))


def as_event(fields: dict[str, Any], offset: int) -> Event:
    zone = timezone(timedelta(minutes=fields.get("utc_offset_min", 0)))
    time = datetime.fromtimestamp(0, zone) + timedelta(milliseconds=fields["time_ms"])
    names = ("id", "source", "type", "data", "actorkind", "accounttz")
    given = {name: fields[name] for name in names if name in fields}
    return place(Event(specversion="1.0", time=time, subject=fields["account"], **given), offset)


def as_told(number: int, alert: Alert) -> Told:
    start = alert.evidence[0]
    steps = sorted(alert.evidence, key=lambda one: one.offset)
    return Told(
        record=number,
        rule=alert.rule.id,
        account=alert.account,
        key=json.dumps(alert.key, separators=(",", ":")),
        state=alert.state.value,
        step=alert.step,
        at=to_ms(alert.occurred_at),
        due=None if alert.due_at is None else to_ms(alert.due_at.astimezone(UTC)),
        owner=alert.owner,
        name=(steps[0].id, steps[-1].id) if alert.kind == "sequence" else (start.id,),
    )


def classes(case: Case, told: list[Told]) -> Iterator[str]:
    """What happened in the case, in words."""
    retracted = set()
    for one in told:
        step = f"{one.state} {one.step.partition(':')[0]}"
        yield step
        if "feed" in case.records[one.record]:
            yield "after a feed came back"
        episode = one.rule, one.account, one.key, one.name
        if one.state == "retracted":
            retracted.add(episode)
        elif step == "firing due" and episode in retracted:
            yield "firing again after a retraction"


def left_out(case: Case) -> Iterator[tuple[str, Case]]:
    """The case without one option of one of its rules, or of its log, for each."""
    for number, rule in enumerate(case.rules):
        for option in rule.keys() - NEEDED:
            less = {name: field for name, field in rule.items() if name != option}
            yield f"{rule['kind']}: {option}", with_rule(case, number, less)
        for option in ("where", "gap"):
            if f"'{option}'" in repr(rule):
                yield f"{rule['kind']}: {option}", with_rule(case, number, bare(rule, option))
    yield "lateness", replace(case, lateness_ms=0)
    yield "remembered ids", replace(case, remembered_ids=0)
    for attribute in ("actorkind", "accounttz", "utc_offset_min"):
        yield attribute, replace(case, records=bare(case.records, attribute))


def with_rule(case: Case, number: int, rule: dict[str, Any]) -> Case:
    return replace(case, rules=[*case.rules[:number], rule, *case.rules[number + 1 :]])


def bare(form: Any, name: str) -> Any:
    """The form without any field of that name, at whatever depth."""
    if isinstance(form, dict):
        return {key: bare(value, name) for key, value in form.items() if key != name}
    return [bare(item, name) for item in form] if isinstance(form, list) else form
