"""A log made ready: encoded rows in the order of time, and each label at the moment it is known.

Features and encoder are those of the data path; what each costs is measured on the way.
"""

from __future__ import annotations

from time import thread_time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learners.base import Example, Row, Schema
from models.learners.case_features import AccountFeatures, CaseFeatures, Tally
from models.learners.encoder import Encoder
from models.learners.features import Features
from tests.bench_scores.logs import Log

NEVER = 2**62


class Matured(NamedTuple):
    """A case whose label is known now. rows: places of its rows."""

    case: int
    rows: list[int]
    label: int


class Prepared:
    """rows: by time. steps: a place in `rows` to be scored, or a case to be learned, by time.

    Of each row: case (numbered by start), length (of its prefix), open (not settled). Of each case:
    labels, starts, known (ms; NEVER). feature_us, encode_us: CPU time for a scored event.
    """

    def __init__(self, log: Log) -> None:
        self.name = log.name
        self.rows: list[Row] = []
        self.steps: list[int | Matured] = []
        self._case: list[str] = []
        self._length: list[int] = []
        self._open: list[bool] = []
        self._known: dict[str, tuple[int, int]] = {}
        starts = self._advance(log)
        scored = set(self._case)
        order = sorted((case for case in starts if case in scored), key=lambda case: starts[case])
        number = {case: i for i, case in enumerate(order)}
        self.case = np.array([number[case] for case in self._case])
        self.length = np.array(self._length)
        self.open = np.array(self._open)
        self.starts = np.array([starts[case] for case in order])
        self.labels = np.array([self._known[case][0] for case in order])
        self.known = np.array([self._known[case][1] for case in order])
        self.steps = [
            step if isinstance(step, int) else step._replace(case=number[self._case[step.rows[0]]])
            for step in self.steps
        ]

    @property
    def values(self) -> NDArray[np.float32]:
        return np.stack([row.values for row in self.rows])

    def window(self, first: float, last: float) -> NDArray[np.bool_]:
        """Rows of the cases from one share of the cases by start to another."""
        cases = len(self.starts)
        return (self.case >= int(first * cases)) & (self.case < int(last * cases))

    def matured_before(self, first: float) -> NDArray[np.bool_]:
        """Rows of cases whose label was known when the case at that share started."""
        split = self.starts[int(first * len(self.starts))]
        return self.known[self.case] < split

    def _advance(self, log: Log) -> dict[str, int]:
        features = Features(log.task)
        encoder = Encoder(features.schema)
        workload = features.workload()
        cases: dict[str, CaseFeatures] = {}
        accounts: dict[str, AccountFeatures] = {}
        pending: dict[str, list[int]] = {}
        settled: set[str] = set()
        built = encoded = 0.0
        for event, name, is_scored, label in log.moments:
            account = accounts.setdefault(event.subject, AccountFeatures(Tally(event.at)))
            case = cases.get(name) or cases.setdefault(name, features.start(account, event.at))
            if label is not None:
                self._known[name] = label, event.at
                if rows := pending.pop(name, None):
                    self.steps.append(Matured(-1, rows, label))
                    kept = tuple(self.rows[at] for at in rows)
                    encoder.learn_case(Example(name, kept, label, event.at))
            if event.type == log.settled:
                settled.add(name)
            began = thread_time()
            features.advance(case, account, workload, event)
            if is_scored:
                row = features.row(case, account, workload, name=(event.subject, name))
                halfway = thread_time()
                row = encoder.encode(row)
                encoded += thread_time() - halfway
                built += halfway - began
                pending.setdefault(name, []).append(len(self.rows))
                self.steps.append(len(self.rows))
                self.rows.append(row)
                self._case.append(name)
                self._length.append(case.events)
                self._open.append(name not in settled)
            else:
                built += thread_time() - began
        self.schema: Schema = encoder.schema
        self.feature_us = built / len(self.rows) * 1e6
        self.encode_us = encoded / len(self.rows) * 1e6
        return {name: case.since for name, case in cases.items()}
