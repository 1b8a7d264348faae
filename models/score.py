"""The score: how near an account is, or how likely something; on the topic of scores."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Reason(msgspec.Struct, frozen=True):
    """What adds to the value: a rule that hit, and how much of it is left."""

    rule: str
    amount: float


class Score(msgspec.Struct, frozen=True, kw_only=True, rename={"schema_": "schema"}):
    """Contract `pathline.score.v1`: changes only by addition.

    `momentum` is the sum of the weights of what the account's rules saw, each halved after its
    half-life; published when a figure has moved by more than the step that is set. The same cause
    gives the same `score_id`. `emitted_at` is the publisher's wall clock, the only field that a
    replay does not repeat.
    """

    schema_: Literal["pathline.score.v1"] = "pathline.score.v1"
    score_id: str
    account: str
    task: Annotated[str, Meta(description="momentum")]
    value: float
    stages: Annotated[
        dict[str, float],
        Meta(description="by sales stage how much of it the hits are worth; another scale"),
    ] = {}
    reasons: tuple[Reason, ...] = ()
    rules_digest: str
    occurred_at: datetime
    replay: Annotated[str | None, Meta(description="run id of a backtest; null when live")] = None
    emitted_at: datetime | None = None


encode_score = msgspec.json.Encoder().encode
decode_score = msgspec.json.Decoder(Score).decode
