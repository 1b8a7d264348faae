"""Learned scores of a run: those that live wrote into the log, and how scores stand in its files.

Beside the engine, which reads `score.published` as any event. A score that the log holds was said
when it was live, so its `replay` is null; what the run says itself carries the run's id.
"""

from __future__ import annotations

from typing import Any

from models.event import Event
from models.learned_score import LearnedScore, decode_learned
from models.score import Score, decode_score

LEARNED = b'{"schema":"pathline.score.v2"'


def heard(event: Event) -> LearnedScore | None:
    """What an event `score.published` says; None: no score (docs/semantics.md has its form).

    `case` is empty where the event names none.
    """
    data: dict[str, Any] = event.data if isinstance(event.data, dict) else {}
    task, value = data.get("task"), data.get("value")
    model, case = data.get("model"), data.get("case")
    if not isinstance(task, str) or not isinstance(value, int | float):
        return None
    if isinstance(value, bool) or not 0 <= value <= 1:
        return None
    return LearnedScore(
        score_id=event.id,
        account=event.subject,
        task=task,
        case=case if isinstance(case, str) else "",
        value=float(value),
        model=model if isinstance(model, str) else None,
        version=None,
        occurred_at=event.time,
    )


def decode_any(line: bytes) -> Score | LearnedScore:
    """A line of scores.jsonl: momentum is of contract v1, learned scores are of v2."""
    return decode_learned(line) if line.startswith(LEARNED) else decode_score(line)
