"""The learned score: how likely something is for a case, on the topic of scores.

Beside `models/score.py`, the momentum: this value may be withheld, so it is a contract of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Contribution(msgspec.Struct, frozen=True):
    """A feature, in words of the domain, and what it adds to the log odds of the value."""

    feature: str
    amount: float


class LearnedScore(msgspec.Struct, frozen=True, kw_only=True, rename={"schema_": "schema"}):
    """Contract `pathline.score.v2`: changes only by addition.

    Published when the value has moved by the step that is set, crossed a threshold that somebody
    asked for, or is the first of its case. The same cause gives the same `score_id`. `emitted_at`
    is the publisher's wall clock.
    """

    schema_: Literal["pathline.score.v2"] = "pathline.score.v2"
    score_id: str
    account: str
    task: str
    case: Annotated[str, Meta(description="which case of the account; the same nowhere else")]
    value: Annotated[float | None, Meta(description="null: withheld, `why` says so")]
    scale: Literal["probability"] = "probability"
    percentile: Annotated[
        float | None, Meta(description="rank among recent scores of the task, 0 to 100")
    ] = None
    reasons: tuple[Contribution, ...] = ()
    model: Annotated[str | None, Meta(description="LEARNER@VERSION; null while there is none")]
    version: int | None
    shadow: Annotated[bool, Meta(description="of a model on trial; nobody should act on it")] = (
        False
    )
    why: str | None = None
    occurred_at: datetime
    replay: Annotated[str | None, Meta(description="run id of a backtest; null when live")] = None
    emitted_at: datetime | None = None


encode_learned = msgspec.json.Encoder().encode
decode_learned = msgspec.json.Decoder(LearnedScore).decode
