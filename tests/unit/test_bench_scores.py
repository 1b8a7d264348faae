"""The benchmark of scores reads its two logs without looking ahead."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from models.learners.logistic import Logistic
from tests.bench_scores.logs import INCIDENTS, LOANS, NUMBERS, WORDS, incidents, loans
from tests.bench_scores.logs import LOAD as WHO
from tests.bench_scores.passes import naive, online
from tests.bench_scores.prepared import Matured, Prepared

LOAN = """\
1,A_SUBMITTED,COMPLETE,2012-01-01T00:00:00+00:00
1,O_SENT,COMPLETE,2012-01-02T00:00:00+00:00
1,O_ACCEPTED,COMPLETE,2012-01-05T00:00:00+00:00
2,A_SUBMITTED,COMPLETE,2012-01-03T00:00:00+00:00
2,A_DECLINED,COMPLETE,2012-01-04T00:00:00+00:00
3,A_SUBMITTED,COMPLETE,2012-01-04T00:00:00+00:00
3,O_CANCELLED,COMPLETE,2012-01-09T00:00:00+00:00
3,A_CANCELLED,COMPLETE,2012-01-10T00:00:00+00:00
"""
STATES = ["New", "Active", "Resolved", "Resolved", "Closed"]
LEAKS = ("closed_at", "resolved_at", "closed_code", "resolved_by", "knowledge")


def write(path: Path, lines: list[str]) -> None:
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def loan_log(folder: Path) -> Prepared:
    rows = [f"{case},9000,{rest},7,{time}" for case, rest, time in map(_split, LOAN.splitlines())]
    write(folder / LOANS, ["case,amount_requested,activity,lifecycle,resource,time", *rows])
    return Prepared(loans(folder))


def _split(line: str) -> tuple[str, str, str]:
    case, activity, lifecycle, time = line.split(",")
    return case, f"{activity},{lifecycle}", time


def incident_log(folder: Path, leak: str = "?", early: str = "true", cases: int = 12) -> Prepared:
    """Every third ticket misses its SLA. early: what `made_sla` says before the closing row."""
    columns = ["number", "ident_state", "made_sla", "caller_id", "sys_updated_at"]
    columns += [*NUMBERS, *WORDS, *WHO, *LEAKS]
    rows = [",".join(columns)]
    for case in range(cases):
        for i, state in enumerate(STATES):
            at = f"{1 + case}/3/2016 {9 + i:02}:00"
            made = early if state != "Closed" else "false" if case % 3 == 0 else "true"
            rest = ["1"] * len(NUMBERS) + ["x"] * (len(WORDS) + len(WHO)) + [leak] * len(LEAKS)
            rows.append(",".join([f"{case:04}", state, made, "9", at, *rest]))
    write(folder / INCIDENTS, rows)
    return Prepared(incidents(folder))


def test_a_loan_is_scored_up_to_its_decision_and_only_if_it_has_one(tmp_path: Path) -> None:
    log = loan_log(tmp_path)

    assert [row.case for row in log.rows] == ["1", "1", "3"]
    assert log.labels.tolist() == [1, 0]
    assert log.length.tolist() == [1, 2, 1]


def test_an_incident_is_scored_at_every_change_before_the_closing_one(tmp_path: Path) -> None:
    log = incident_log(tmp_path, cases=3)

    assert log.length.tolist() == [1, 2, 3, 4] * 3
    assert log.open.tolist() == [True, True, False, False] * 3
    assert log.labels.tolist() == [1, 0, 0]


def test_what_is_filled_in_backwards_changes_nothing(tmp_path: Path) -> None:
    one = incident_log(tmp_path, leak="1/1/2020 00:00", early="true")
    other = incident_log(tmp_path, leak="?", early="false")

    np.testing.assert_array_equal(one.values, other.values)


def test_labels_come_after_the_rows_of_their_case_and_before_later_ones(tmp_path: Path) -> None:
    log = incident_log(tmp_path)
    known: set[int] = set()
    for step in log.steps:
        if isinstance(step, Matured):
            known.add(step.case)
        else:
            assert log.case[step] not in known
            assert known == set(range(log.case[step]))


def test_offline_models_get_what_was_known_at_the_split(tmp_path: Path) -> None:
    log = loan_log(tmp_path)

    assert not log.matured_before(0.5).any()  # 3 starts on the 4th, 1 is decided on the 5th
    assert log.window(0.5, 1.0).tolist() == [False, False, True]


@pytest.mark.parametrize("run", [naive, lambda log: online(log, Logistic(log.schema))])
def test_no_pass_knows_labels_before_they_come(tmp_path: Path, run: object) -> None:
    assert callable(run)
    early, whole = incident_log(tmp_path, cases=6), incident_log(tmp_path, cases=12)

    first = run(early).said

    np.testing.assert_allclose(run(whole).said[: len(first)], first)
