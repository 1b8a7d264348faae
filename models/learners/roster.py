"""Who scores a task, and how good they have been: what `learn` writes beside the models.

In `pathline.models.v1` under the task's name, so that tools need not ask a worker; with the
decisions about shadows, by whom, when and why.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from models.learners.example_record import ExampleRecord
from models.learners.validation import Figures, Validation

VERSION = 1
DECISIONS_MAX = 20
CASES_MAX = 10_000  # the newest, over which two learners are compared


class Standing(msgspec.Struct, frozen=True):
    """One learner. version: of its newest model. The figures are of matured cases, over a window:
    see Figures; null where one is not defined.
    """

    learner: str
    version: int
    learned: int
    cases: int
    auc: float | None
    auc_by_length: float | None
    log_loss: float | None
    brier: float | None
    calibration_error: float | None


class Decision(msgspec.Struct, frozen=True):
    """at_ms: append time. comparison: of the shadow and the champion as they were, by name."""

    what: str
    learner: str
    by: str
    why: str
    at_ms: int
    comparison: dict[str, Standing] = {}


class Roster(msgspec.Struct, frozen=True):
    """champion, shadow, retired: names of learners. learners: by name."""

    v: int
    task: str
    title: str
    champion: str
    shadow: str | None
    retired: tuple[str, ...]
    learners: dict[str, Standing]
    decisions: tuple[Decision, ...] = ()


encode_roster = msgspec.json.Encoder().encode
decode_roster = msgspec.json.Decoder(Roster).decode


def standing(learner: str, version: int, learned: int, figures: Figures) -> Standing:
    """A learner with its figures."""
    return Standing(
        learner, version, learned, figures.cases, figures.auc, figures.auc_by_length,
        figures.log_loss, figures.brier, figures.calibration_error,
    )  # fmt: skip


def compare(records: Iterable[ExampleRecord], one: str, other: str) -> dict[str, Standing]:
    """How good two learners were at the very same rows: those of matured cases at which both had
    said something. By name; version and learned are of the newest such row.

    >>> compare([], "logistic", "mean")["mean"].cases
    0
    """
    names = one, other
    judged = {name: Validation(CASES_MAX) for name in names}
    newest = dict.fromkeys(names, 0)
    for record in records:
        said: dict[str, list[float | None]] = {name: [] for name in names}
        for row in record.rows:
            by_name = {each.model.partition("@")[0]: each for each in row.said}
            both = all(name in by_name for name in names)
            for name in names:
                said[name].append(by_name[name].value if both else None)
                if both:
                    newest[name] = int(by_name[name].model.partition("@")[2])
        for name in names:
            judged[name].mature(record.label, said[name])
    return {
        name: standing(name, newest[name], judged[name].matured, judged[name].figures())
        for name in names
    }
