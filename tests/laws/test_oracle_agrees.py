"""The engine and the brute-force oracle, two readings of one text, say the same of random logs.

    LAWS_CASES=50000 LAWS_SEED=7 python -m pytest tests/laws/test_oracle_agrees.py

looks longer and elsewhere. A failure shows the smallest case that hypothesis finds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from hypothesis import HealthCheck, Phase, event, example, given, note, seed, settings
from hypothesis.strategies import SearchStrategy

from models.alert import Alert
from tests.laws.engine_tells import engine_tells
from tests.laws.oracle import Told, tell
from tests.laws.oracle_momentum import Scored
from tests.laws.random_rules import NEEDED, Form
from tests.laws.streams_of_events import ALL, HOUR_MS, Case, cases

CASES = int(os.environ.get("LAWS_CASES", "2000"))
SEED = int(os.environ.get("LAWS_SEED", "20260302"))
HANDOVERS = 4  # the how manieth part of the cases has several rule sets beside the others
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
HANDOVER_STEPS = {
    *("expired rule_changed", "change expired", "mismatch expired", "score expired"),
    *("firing when rules change", "pending when rules change", "retracted when rules change"),
    *("old version firing due", "old version firing match", "old version resolved stop"),
    "match across rule sets",
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
        check_agreement(case, seen)

    agree()
    assert {step for step in STEPS if not seen[step]} == set(), "never drawn"


def test_they_agree_when_another_rule_set_takes_over() -> None:
    """Without composites, momentum and other calendars, and with two activations at most: what
    these add is told in tests/unit: test_handover.py, test_composite.py, test_momentum.py.
    """
    seen: Counter[str] = Counter()

    @seed(SEED)
    @settings(drawn, max_examples=CASES // HANDOVERS)
    @given(cases(sets=2))
    def agree(case: Case) -> None:
        check_agreement(case, seen)

    agree()
    assert {step for step in HANDOVER_STEPS if not seen[step]} == set(), "never drawn"


def test_every_option_that_is_drawn_decides_something() -> None:
    """Leaving it out changes what is told, in some case: the draws do reach what it means."""
    undecided = without_effect(cases(), ruled_otherwise, CASES)
    assert undecided == {"sequence: late"}  # the text gives it no meaning


def test_every_way_to_hand_over_decides_something() -> None:
    assert without_effect(cases(sets=2), handed_over_otherwise, CASES // HANDOVERS) == set()


def check_agreement(case: Case, seen: Counter[str]) -> None:
    """seen: counts what happened in the case."""
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


def without_effect(
    strategy: SearchStrategy[Case],
    left_out: Callable[[Case], Iterator[tuple[str, Case]]],
    examples: int,
) -> set[str]:
    """The options that were offered and whose absence no case has shown."""
    offered: set[str] = set()
    decided: set[str] = set()

    @seed(SEED)
    @settings(drawn, max_examples=min(examples, 2_000), phases=[Phase.generate])
    @given(strategy)
    def leave_out(case: Case) -> None:
        told = told_and_scored(case)
        for option, without in left_out(case):
            offered.add(option)
            if option not in decided and told_and_scored(without) != told:
                decided.add(option)

    leave_out()
    return offered - decided


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
        digest=case.digest,
    )


def told_and_scored(case: Case) -> tuple[list[Told], list[Scored]]:
    scores: list[Scored] = []
    return oracle_tells(case, scores), scores


def classes(case: Case, told: list[Told]) -> Iterator[str]:
    """What happened in the case, in words."""
    retracted = set()
    for one in told:
        step = f"{one.state} {one.step.partition(':')[0]}"
        kind = case.set_of(one.digest)[one.rule]["kind"]
        yield step
        yield f"{kind} {one.state}"
        if "feed" in case.records[one.record]:
            yield "after a feed came back"
        if "rules" in case.records[one.record]:
            yield f"{one.state} when rules change"
        elif one.digest != case.active_at(one.record):
            yield f"old version {step}"
        elif kind == "sequence" and is_across(case, one):
            yield "match across rule sets"
        episode = episode_of(one)
        if one.state == "retracted":
            retracted.add(episode)
        elif step == "firing due" and episode in retracted:
            yield "firing again after a retraction"


def is_across(case: Case, match: Told) -> bool:
    """Whether a rule set took over between its first event and its last."""
    since = (r for r in case.records[: match.record] if "event" in r or "rules" in r)
    names = [r["event"]["id"] if "event" in r else "rules" for r in since]
    return match.name[0] in names and "rules" in names[names.index(match.name[0]) :]


def ruled_otherwise(case: Case) -> Iterator[tuple[str, Case]]:
    """The case without one option of one of its rules, or of its log, for each."""
    for number, rule in enumerate(case.rules):
        for option in rule.keys() - NEEDED:
            yield f"{rule['kind']}: {option}", with_rule(case, number, without(rule, option))
        for option in ("where", "gap"):
            if f"'{option}'" in repr(rule):
                yield f"{rule['kind']}: {option}", with_rule(case, number, bare(rule, option))
    yield "lateness", replace(case, lateness_ms=0)
    yield "remembered ids", replace(case, remembered_ids=0)
    for attribute in ("actorkind", "accounttz", "utc_offset_min"):
        yield attribute, replace(case, records=bare(case.records, attribute))


def handed_over_otherwise(case: Case) -> Iterator[tuple[str, Case]]:
    """Without what makes another version of a rule, or says what becomes of the old one's cases."""
    for option in ("version", "status"):
        yield option, case.in_each_set(lambda rules, o=option: [without(r, o) for r in rules])
    for number, record in enumerate(case.records):
        for place, rule in enumerate(record.get("rules", [])):
            rules = swapped(record.get("rules", []), place, without(rule, "on_change"))
            records = swapped(case.records, number, {**record, "rules": rules})
            if "on_change" in rule:
                yield f"{rule['kind']}: {rule['on_change']}", replace(case, records=records)
    there = {rule["id"] for rules in case.later_rules[:1] for rule in rules}
    for number, rule in enumerate(case.rules):
        if rule["id"] not in there and rule.get("on_change") == "finish":
            yield "finish when gone", with_rule(case, number, without(rule, "on_change"))


def with_rule(case: Case, number: int, rule: Form) -> Case:
    return replace(case, rules=swapped(case.rules, number, rule))


def swapped(forms: Sequence[Form], place: int, form: Form) -> list[Form]:
    return [*forms[:place], form, *forms[place + 1 :]]


def without(form: Form, name: str) -> Form:
    return {key: value for key, value in form.items() if key != name}


def bare(form: Any, name: str) -> Any:
    """The form without any field of that name, at whatever depth."""
    if isinstance(form, dict):
        return {key: bare(value, name) for key, value in form.items() if key != name}
    return [bare(item, name) for item in form] if isinstance(form, list) else form
