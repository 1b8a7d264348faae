"""The alert: one shape for every rule kind, on the alert topics and kept by fingerprint."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class State(StrEnum):
    """Where an alert stands; `retracted` says that a late event disproved it."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    RETRACTED = "retracted"
    EXPIRED = "expired"


Severity = Literal["info", "warning", "error", "critical"]


class RuleRef(msgspec.Struct, frozen=True):
    """Which rule spoke: its id and version, and the digest of the whole rule set."""

    id: str
    version: str
    digest: str


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One event that counts for the alert, and where it stands in the log."""

    type: str
    id: str
    time: datetime
    topic: str
    partition: int
    offset: int


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename={"schema_": "schema"}):
    """Contract `pathline.alert.v1`: changes only by addition.

    The same cause gives the same `alert_id`; all states of one alert share the `fingerprint`.
    `emitted_at` is the publisher's wall clock, the only field that a replay does not repeat.
    """

    schema_: Literal["pathline.alert.v1"] = "pathline.alert.v1"
    alert_id: str
    fingerprint: str
    key: Annotated[dict[str, Any], Meta(description="the values that tell the instance apart")]
    state: State
    step: Annotated[str, Meta(description="what moved it: warn:0.5, due, escalate:coo, stop …")]
    kind: str
    severity: Severity
    account: str
    rule: RuleRef
    occurred_at: datetime
    due_at: datetime | None = None
    why: str
    evidence: tuple[Evidence, ...] = ()
    owner: str | None = None
    suggested_action: str | None = None
    score: float | None = None
    weight: float | None = None
    replay: Annotated[str | None, Meta(description="run id of a backtest; null when live")] = None
    emitted_at: datetime | None = None


encode_alert = msgspec.json.Encoder().encode
decode_alert = msgspec.json.Decoder(Alert).decode
