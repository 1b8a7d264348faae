"""How well alerts did against outcomes: matured ones, recall, lead; and two runs side by side."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert import Alert, Evidence, RuleRef, State, encode_alert
from models.errors import BadSetting
from rules.loader import parse
from streams.backtest.compare import compare
from streams.backtest.outcome import ANY, Judged, Outcome, judge, parse_outcome
from streams.backtest.plan import EventOutcome
from streams.backtest.tables import TABLES, write_parquet
from tests.story import content_of

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
DAY_MS = 86_400_000
TIME = pl.Datetime("us", "UTC")
CHURN = Outcome(EventOutcome("trial.ended"), None, 10 * DAY_MS)
BOOK = parse(content_of({"id": "quiet", "kind": "signal", "on": {"type": "a.b"}}))

Told = tuple[str, str, float]
"""rule, account, day."""


def alerts(*told: Told, state: str = "firing", step: str = "due", tag: str = "") -> pl.LazyFrame:
    rows = [
        {
            "rule": rule, "account": account, "key": "{}", "state": state, "step": step,
            "occurred_at": START + day * DAY, "why": "w",
            "fingerprint": f"{tag}{rule}{account}{day}",
        }
        for rule, account, day in told
    ]  # fmt: skip
    names = ("rule", "account", "key", "state", "step", "fingerprint", "why")
    return pl.LazyFrame(rows, schema={"occurred_at": TIME} | dict.fromkeys(names, pl.String()))


def came(*told: tuple[str, float]) -> pl.LazyFrame:
    rows = [
        {"account": a, "at": START + day * DAY, "type": "t", "source": "s", "id": f"{day}"}
        for a, day in told
    ]
    names = ("account", "type", "source", "id")
    return pl.LazyFrame(rows, schema={"at": TIME} | dict.fromkeys(names, pl.String()))


def scores(*told: tuple[str, float, float], replay: str | None = "run") -> pl.LazyFrame:
    rows = [
        {"account": a, "task": "momentum", "value": v, "occurred_at": START + day * DAY,
         "replay": replay}
        for a, day, v in told
    ]  # fmt: skip
    names = {"value": pl.Float64(), **dict.fromkeys(("account", "task", "replay"), pl.String())}
    return pl.LazyFrame(rows, schema={**names, "occurred_at": TIME})


def judged(told: pl.LazyFrame, outcomes: pl.LazyFrame, end_day: float = 100) -> Judged:
    end_ms = int((START + end_day * DAY).timestamp() * 1000)
    return judge(CHURN, told, outcomes, scores(), end_ms)


def row(found: Judged, rule: str = "quiet") -> dict[str, Any]:
    return found.rules.row(by_predicate=pl.col("rule") == rule, named=True)


def test_an_alert_is_right_when_the_outcome_comes_within_its_horizon() -> None:
    told = alerts(("quiet", "a", 0), ("quiet", "b", 0), ("quiet", "c", 0))
    found = row(judged(told, came(("a", 4), ("b", 10.5))))
    assert (found["fired"], found["matured"], found["right"]) == (3, 3, 1)
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["recall"] == 0.5
    assert found["lead_median_s"] == 4 * 86_400


def test_an_alert_whose_horizon_has_not_passed_is_not_judged_even_when_it_was_right() -> None:
    """Else the young ones that came true would count and those that did not would not."""
    told = alerts(("quiet", "a", 0), ("quiet", "b", 95), ("quiet", "c", 95))
    found = row(judged(told, came(("a", 1), ("b", 96))))
    assert (found["fired"], found["matured"], found["right"]) == (3, 1, 1)
    assert found["precision"] == 1.0
    assert found["recall"] == 1.0  # what has happened has happened


def test_without_anything_matured_there_is_no_precision() -> None:
    found = row(judged(alerts(("quiet", "a", 95)), came()))
    assert found["precision"] is None
    assert found["recall"] is None


def test_an_alert_at_the_instant_of_the_outcome_or_after_it_tells_nothing() -> None:
    found = row(judged(alerts(("quiet", "a", 5), ("quiet", "a", 6)), came(("a", 5))))
    assert (found["right"], found["warned"]) == (0, 0)


def test_lead_counts_from_the_first_alert_within_the_horizon() -> None:
    told = alerts(("quiet", "a", 0), ("quiet", "a", 8), ("quiet", "a", 11), ("other", "a", 9))
    found = judged(told, came(("a", 12)))
    assert row(found)["lead_median_s"] == 4 * 86_400
    assert row(found, "other")["lead_median_s"] == 3 * 86_400
    assert row(found, ANY)["lead_median_s"] == 4 * 86_400
    assert row(found, ANY)["warned"] == 1


def test_warnings_and_repeats_are_no_alerts_of_their_own() -> None:
    told = pl.concat(
        [
            alerts(("quiet", "a", 0)),
            alerts(("quiet", "a", 0), state="pending", step="warn:0.5"),
            alerts(("quiet", "a", 0), step="repeat:1"),
            alerts(("quiet", "a", 0), state="resolved", step="stop"),
        ]
    )
    assert row(judged(told, came()))["fired"] == 1


def test_a_rule_can_be_the_outcome_of_the_others() -> None:
    outcome = Outcome(None, "lost", 10 * DAY_MS)
    told = alerts(("quiet", "a", 0), ("lost", "a", 3), ("lost", "b", 4))
    found = judge(outcome, told, came(), scores(), int(START.timestamp() * 1000) + 100 * DAY_MS)
    assert found.outcomes == 2
    assert found.rules["rule"].to_list() == ["quiet", ANY]
    assert row(found)["recall"] == 0.5


days = st.integers(0, 40)
accounts = st.sampled_from("ab")


@settings(deadline=None, max_examples=60)
@given(
    told=st.sets(st.tuples(st.just("quiet"), accounts, days), min_size=1, max_size=20),
    happened=st.lists(st.tuples(accounts, days), max_size=8, unique=True),
)
def test_the_joins_say_what_counting_by_hand_says(
    told: set[Told], happened: list[tuple[str, int]]
) -> None:
    line = row(judged(alerts(*sorted(told)), came(*happened), end_day=40))
    speaks_of = {one: next_of(one, happened) for one in told}
    matured = [one for one in told if one[2] + 10 <= 40]
    assert line["matured"] == len(matured)
    assert line["right"] == sum(speaks_of[one] is not None for one in matured)
    assert line["warned"] == len(
        {(one[1], day) for one, day in speaks_of.items() if day is not None}
    )


def next_of(told: Told, happened: list[tuple[str, int]]) -> int | None:
    """The day of the next outcome of the account, if it is within the horizon."""
    _, account, day = told
    later = [d for a, d in happened if a == account and d > day]
    return min(later) if later and min(later) <= day + 10 else None


def test_scores_are_calibrated_in_bins_of_equal_size() -> None:
    told = scores(*((f"a{n}", 0, n / 20) for n in range(20)))
    followed = came(*((f"a{n}", 1) for n in range(10, 20)))
    end_ms = int(START.timestamp() * 1000) + 100 * DAY_MS
    bins = judge(CHURN, alerts(), followed, told, end_ms).calibration
    assert bins["scores"].to_list() == [2] * 10
    assert bins["came"].to_list() == [0.0] * 5 + [1.0] * 5
    assert bins["value"].to_list() == pytest.approx([0.025 + n / 10 for n in range(10)])


def test_what_was_said_live_is_calibrated_apart_from_what_the_run_says() -> None:
    told = pl.concat([scores(("a", 0, 0.5)), scores(("a", 0, 0.9), replay=None)])
    end_ms = int(START.timestamp() * 1000) + 100 * DAY_MS
    bins = judge(CHURN, alerts(), came(("a", 1)), told, end_ms).calibration
    assert bins.select("task", "live", "value", "came").rows() == [
        ("momentum", False, 0.5, 1.0),
        ("momentum", True, 0.9, 1.0),
    ]


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("rule:quit", None, "did you mean 'quiet'?"),
        ("Trial", None, "an event type such as"),
        ("trial.ended", "data.x >", "--outcome-where"),
        ("rule:quiet", "data.x > 1", "a rule has its own"),
    ],
)
def test_an_outcome_that_cannot_be_is_told(text: str, where: str | None, told: str) -> None:
    with pytest.raises(BadSetting) as caught:
        parse_outcome(text, where, DAY_MS, BOOK)
    assert told in str(caught.value)


def test_two_runs_tell_what_is_added_removed_and_moved() -> None:
    old = alerts(("quiet", "a", 1), ("quiet", "b", 1), ("quiet", "c", 1), ("gone", "a", 1))
    new = pl.concat([alerts(("quiet", "a", 1)), alerts(("quiet", "b", 1.5), ("quiet", "d", 1))])
    found = compare(old, new)
    assert found.rules.to_dicts() == [
        {"rule": "gone", "old": 1, "new": 0, "same": 0, "moved": 0, "added": 0, "removed": 1,
         "moved_median_s": None},
        {"rule": "quiet", "old": 3, "new": 3, "same": 1, "moved": 1, "added": 1, "removed": 1,
         "moved_median_s": 43_200.0},
    ]  # fmt: skip
    assert found.changes.select("rule", "account", "change", "moved_s").rows() == [
        ("gone", "a", "removed", None),
        ("quiet", "c", "removed", None),
        ("quiet", "d", "added", None),
        ("quiet", "b", "moved", 43_200.0),
    ]


def test_one_fingerprint_at_another_time_has_moved_however_far() -> None:
    old, new = alerts(("quiet", "a", 1)), alerts(("quiet", "a", 1))
    later = new.with_columns(pl.col("occurred_at") + timedelta(days=9))
    assert compare(old, later).changes["moved_s"].to_list() == [9 * 86_400.0]


def test_what_has_no_namesake_is_paired_within_a_day_and_each_once() -> None:
    old = alerts(("quiet", "a", 1), ("quiet", "a", 5), tag="old")
    new = alerts(("quiet", "a", 1.25), ("quiet", "a", 1.5), ("quiet", "a", 9), tag="new")
    found = compare(old, new).rules.row(0, named=True)
    assert (found["moved"], found["added"], found["removed"]) == (1, 2, 1)


@given(
    old=st.sets(st.tuples(st.just("r"), st.sampled_from("ab"), st.integers(0, 5))),
    new=st.sets(st.tuples(st.just("r"), st.sampled_from("ab"), st.integers(0, 5))),
    named=st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_every_alert_of_both_runs_is_told_once(old: set[Told], new: set[Told], named: bool) -> None:
    found = compare(alerts(*sorted(old), tag="x" if named else ""), alerts(*sorted(new)))
    if old or new:
        line = found.rules.row(0, named=True)
        assert (line["old"], line["new"]) == (len(old), len(new))
        assert line["same"] + line["moved"] + line["removed"] == len(old)
        assert line["same"] + line["moved"] + line["added"] == len(new)


def test_tables_hold_what_the_lines_say(tmp_path: Path) -> None:
    """Keys stay JSON whatever they hold; instants have their microseconds or none."""
    one = Evidence("a.b", "1", START, "log", 0, 7)
    alert = Alert(
        alert_id="1", fingerprint="2", key={"data.ticket": 'T-"1"\n\t\\ ü 票', "data.n": 1},
        state=State.FIRING, step="match", kind="signal", severity="info", why="w\n",
        account='株式会社 "x"', rule=RuleRef("quiet", "1.0.0", "d"), evidence=(one, one),
        occurred_at=START + timedelta(microseconds=123_456), due_at=START, score=1.0,
    )  # fmt: skip
    file = tmp_path / "alerts.jsonl"
    file.write_bytes(encode_alert(alert) + b"\n" + encode_alert(alert) + b"\n")
    write_parquet(file, TABLES["alerts"], tmp_path / "alerts.parquet")
    found, same = pl.read_parquet(tmp_path / "alerts.parquet").to_dicts()
    assert found == same
    assert json.loads(found["key"]) == alert.key
    assert (found["account"], found["why"], found["state"]) == (alert.account, "w\n", "firing")
    assert found["occurred_at"] == alert.occurred_at
    assert (found["due_at"], found["score"], found["owner"]) == (START, 1.0, None)
    assert (found["rule"], found["rule_version"], found["rule_digest"]) == ("quiet", "1.0.0", "d")
    assert found["evidence"] == [msgspec.structs.asdict(one)] * 2


def test_a_table_of_nothing_has_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "nothing.jsonl"
    file.touch()
    for kind, table in TABLES.items():
        write_parquet(file, table, tmp_path / f"{kind}.parquet")
        frame = pl.read_parquet(tmp_path / f"{kind}.parquet")
        assert (frame.height, frame.columns) == (0, table.columns.names)
