"""A partition's state: what a checkpoint keeps is all there is, and it is bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.account import Limits
from rules.engine import EngineFault
from rules.kinds.telling import Teller
from rules.partition import Partition
from rules.snapshot import decode_account, encode_account
from tests.story import OFFICE, TESTS, Story, ms, rule_set
from tests.unit.test_absence import TRIAL
from tests.unit.test_sequence_kind import BASE
from tests.unit.test_sla import SLA

RULES: tuple[dict[str, Any], ...] = (
    {**SLA, "key": ["data.n"], "warn_at": [0.5]},
    {**TRIAL, "measure": "since_last"},
    BASE,
)


def lived() -> Story:
    s = Story(rule_set(*RULES))
    for hour in range(40):
        s.event(f"{hour}h", "contract.revised", account=f"a{hour % 3}", n=hour)
        s.event(f"{hour}h", "page.viewed", account=f"a{hour % 3}", dwell_s=200)
    return s.event("1h", "trial.started", account="a1")


def test_an_account_survives_its_bytes() -> None:
    for account in lived().partition.accounts.values():
        assert decode_account(encode_account(account)) == account


def test_a_restored_partition_says_what_the_old_one_would_have_said() -> None:
    s = lived()
    other = Partition(s.partition.rules, topic="interactions", partition=0, lateness_ms=0)
    blobs = [(account.id, encode_account(account)) for account in s.partition.accounts.values()]
    other.restore(blobs, s.partition.header())
    assert other.next_deadline() == s.partition.next_deadline() is not None
    assert other.tick(ms("99d")) == s.partition.tick(ms("99d")) != []


def test_sequences_keep_the_order_of_time_and_their_bound() -> None:
    s = Story(rule_set(SLA), limits=Limits(sequence_length=2))
    s.event("3h", "a.b").event("1h", "a.c").event("2h", "a.d")
    assert [type for _, type in s.partition.accounts["acme"].sequence] == ["a.d", "a.b"]


def test_settled_instances_are_forgotten() -> None:
    s = Story(rule_set({**SLA, "key": ["data.n"]}))
    for day in range(200):
        s.event(f"{day}d", "contract.revised", n=day).event(f"{day}d", "legal.replied", n=day)
    assert len(s.partition.accounts["acme"].cases["rule-0"]) <= 32


def test_instances_are_bounded_and_the_loss_is_counted() -> None:
    s = Story(rule_set({**SLA, "key": ["data.n"]}), limits=Limits(instances=3))
    for n in range(5):
        s.event("0h", "contract.revised", n=n)
    assert len(s.tick("2h").outputs) == 3
    assert s.partition.stats["evicted:instance"] == 2


def test_another_rule_set_keeps_what_is_unchanged_and_expires_the_rest() -> None:
    s = Story(rule_set({**SLA, "id": "kept"}, {**SLA, "id": "changed", "warn_at": [0.5]}))
    s.event("0h", "contract.revised").tick("1h")
    outputs = s.partition.activate(
        rule_set({**SLA, "id": "kept", "tests": TESTS[::-1]}, {**SLA, "id": "new"})
    )
    assert [(o.alert.rule.id, o.alert.state, o.alert.step) for o in outputs] == [
        ("changed", "expired", "rule_changed")
    ]
    assert [o.alert.rule.id for o in s.partition.tick(ms("2h"))] == ["kept"]


def test_the_same_cause_has_the_same_identity_whatever_the_rule_set() -> None:
    one, two = Story(rule_set(SLA)), Story(rule_set(SLA, {**TRIAL}))
    for s in (one, two):
        s.event("0h", "contract.revised").tick("2h")
    assert one.outputs[0].alert.alert_id == two.outputs[0].alert.alert_id


def test_a_calendar_that_ends_is_counted_not_guessed() -> None:
    ends = {**OFFICE, "years": {2025: {"holidays": [], "workdays": []}}}
    rule = {**SLA, "goal": {"within": "2bh", "calendar": "office"}}
    s = Story(rule_set(rule, calendars=(ends,)))
    s.event("0h", "contract.revised").tick("99d")
    assert s.told == []
    assert s.partition.stats["fault:rule-0:calendar_year_missing"] == 1


def test_a_longer_calendar_gives_a_waiting_case_its_deadline() -> None:
    ends = {**OFFICE, "years": {2025: {"holidays": [], "workdays": []}}}
    rule = {**SLA, "goal": {"within": "2bh", "calendar": "office"}}
    s = Story(rule_set(rule, calendars=(ends,))).event("0h", "contract.revised")
    assert s.partition.activate(rule_set(rule)) == []
    assert s.tick("2h").told == [("firing", "due", "2:00:00")]


TOUCHES: dict[str, Callable[[Story], object]] = {
    "event of another": lambda s: s.event("3h", "page.viewed", account="other"),
    "tick": lambda s: s.tick("3h"),
    "feed": lambda s: s.feed("crm", "90m", stale=False),
    "rules": lambda s: s.partition.activate(rule_set({**SLA, "id": "new"})),
}


@pytest.mark.parametrize("how", TOUCHES)
def test_a_bug_names_the_account_that_it_broke(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    rule = {**SLA, "warn_at": [0.5], "feeds": {"crm": {"max_stale": "90m"}}}
    s = Story(rule_set(rule)).event("0h", "contract.revised", account="culprit").tick("1h")
    if how == "feed":
        s.feed("crm", "90m", stale=True).tick("3h")
    monkeypatch.setattr(Teller, "send", bug)
    with pytest.raises(EngineFault) as fault:
        TOUCHES[how](s)
    assert fault.value.account == "culprit"


def test_an_erased_account_leaves_nothing_and_says_nothing() -> None:
    """Deadlines too; the others' stay in their order, and an event makes it anew."""
    s = lived()
    engine = s.partition
    due = engine.next_deadline()
    engine.erase("a1")
    assert set(engine.accounts) == engine.dirty == {"a0", "a2"}
    assert {entry[1] for entry in engine.context.heap} == {"a0", "a2"}
    assert engine.next_deadline() >= due  # type: ignore[operator]
    told = engine.tick(ms("90d"))
    assert told
    assert {output.alert.account for output in told} == {"a0", "a2"}
    s.event("40h", "page.viewed", account="a1", dwell_s=1)
    assert engine.accounts["a1"].applied == 1


def test_erasing_a_stranger_changes_nothing() -> None:
    engine = lived().partition
    engine.erase("nobody")
    assert (len(engine.accounts), engine.stats["erased"]) == (3, 0)


@given(dues=st.lists(st.integers(0, 50), max_size=60), until=st.integers(-1, 51))
def test_the_deadlines_that_are_due_are_counted(dues: list[int], until: int) -> None:
    partition = Story(rule_set(SLA)).partition
    for n, due in enumerate(dues):
        partition.context.schedule(due, f"a{n}", "r", "")
    assert partition.count_due(until) == sum(due <= until for due in dues)
