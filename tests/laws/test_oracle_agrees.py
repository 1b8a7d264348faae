"""The engine and the brute-force oracle, two readings of one text, say the same of random logs.

    LAWS_CASES=50000 LAWS_SEED=7 python -m pytest tests/laws/test_oracle_agrees.py

looks longer and elsewhere. A failure shows the smallest case that hypothesis finds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from hypothesis import HealthCheck, Phase, event, example, given, note, seed, settings

from models.alert import Alert
from tests.laws.engine_tells import engine_tells
from tests.laws.oracle import Told, tell
from tests.laws.oracle_momentum import Scored
from tests.laws.random_rules import NEEDED
from tests.laws.streams_of_events import ALL, HOUR_MS, Case, cases

CASES = int(os.environ.get("LAWS_CASES", "2000"))
SEED = int(os.environ.get("LAWS_SEED", "20260302"))
SOME_DAY_MS = 1_772_442_000_000
STEPS = {  # all that an alert can say, and so must turn up
    *("pending warn", "firing due", "firing escalate", "firing match"),
    *("resolved stop", "expired cancel", "expired superseded"),
    "resolved over",
    *("retracted retract", "retracted vanished", "expired vanished"),
    *("after a feed came back", "firing repeat", "momentum of stages"),
    *("composite firing", "composite resolved", "composite retracted"),
    *("change firing", "mismatch firing", "score firing", "signal firing"),
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
    @example(late_pause())
    def agree(case: Case) -> None:
        scored: list[Scored] = []
        scores: list[Scored] = []
        expected = oracle_tells(case, scored)
        alerts = list(engine_tells(case, scores))
        for told in set(classes(case, expected)):
            seen[told] += 1
            event(told)
        note(f"seed {SEED}")
        check_same([told for told, _ in alerts], expected)
        check_same(scores, scored)
        seen["momentum of stages"] += any(score.stages for score in scored)
        if case.remembered_ids == ALL:  # else two episodes may have one name
            check_identities(alerts)

    agree()
    assert {step for step in STEPS if not seen[step]} == set(), "never drawn"


def test_every_option_that_is_drawn_decides_something() -> None:
    """Leaving it out changes what is told, in some case: the draws do reach what it means."""
    offered: set[str] = set()
    decided: set[str] = set()

    @seed(SEED)
    @settings(drawn, max_examples=min(CASES, 2_000), phases=[Phase.generate])
    @given(cases())
    def leave_out(case: Case) -> None:
        told = told_and_scored(case)
        for option, without in left_out(case):
            offered.add(option)
            if option not in decided and told_and_scored(without) != told:
                decided.add(option)

    leave_out()
    assert offered - decided == {"sequence: late"}  # the text gives it no meaning


def check_same(engine: Sequence[object], oracle: Sequence[object]) -> None:
    for ours, theirs in zip_longest(engine, oracle):
        assert ours == theirs, f"first difference\n  engine: {ours}\n  oracle: {theirs}"


def check_identities(alerts: list[tuple[Told, Alert]]) -> None:
    """An alert has an id of its own; a fingerprint is that of one episode or match."""
    ids = Counter(alert.alert_id for _, alert in alerts)
    twice = [told for told, alert in alerts if ids[alert.alert_id] > 1]
    assert twice == [], "alerts with one id"
    names = {
        (alert.fingerprint, *episode_of(told))
        for told, alert in alerts
        if alert.kind != "composite"  # named by alerts, not by events
    }
    assert len(names) == len({name[0] for name in names}) == len({name[1:] for name in names})


def episode_of(told: Told) -> tuple[Any, ...]:
    return told.rule, told.account, told.key, told.name


def late_pause() -> Case:
    """Rarely drawn: a late pause takes an alert back, and when time goes on it fires again."""
    rule = {
        "id": "rule-0",
        "kind": "sla",
        "start": {"type": "a.started"},
        "stop": {"type": "b.stopped"},
        "pause": {"type": "c.paused"},
        "resume": {"type": "d.resumed"},
        "goal": {"within": "4h"},
    }
    log = [(0, "a.started"), (5, "x.other"), (3, "c.paused"), (6, "d.resumed"), (9, "x.other")]
    events = [
        {"id": f"e{hours}", "source": "//test", "account": "ann", "type": type, "data": {}}
        | {"time_ms": SOME_DAY_MS + hours * HOUR_MS}
        for hours, type in log
    ]
    records = [{"event": event} for event in events]
    return Case([rule], records, lateness_ms=0, remembered_ids=ALL, restart_at=3)


def oracle_tells(case: Case, scores: list[Scored] | None = None) -> list[Told]:
    return tell(
        case.records,
        case.rules,
        case.calendars,
        lateness_ms=case.lateness_ms,
        remembered_ids=case.remembered_ids,
        scores=scores,
    )


def told_and_scored(case: Case) -> tuple[list[Told], list[Scored]]:
    scores: list[Scored] = []
    return oracle_tells(case, scores), scores


def classes(case: Case, told: list[Told]) -> Iterator[str]:
    """What happened in the case, in words."""
    retracted = set()
    kinds = {rule["id"]: rule["kind"] for rule in case.rules}
    for one in told:
        step = f"{one.state} {one.step.partition(':')[0]}"
        yield step
        yield f"{kinds[one.rule]} {one.state}"
        if "feed" in case.records[one.record]:
            yield "after a feed came back"
        episode = episode_of(one)
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
