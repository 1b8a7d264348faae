"""A record as a person reads it: one line for each kind that our topics carry.

For `pathline tail`, `dead-letters` and the demo. What customers send is shown, so whatever could
steer a terminal is escaped.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.text import Text

from models.event import CloudEvent
from streams.control import is_control
from streams.reader import Stored

WIDTH_MAX = 300  # characters of a value that is shown as it is
STYLES = {"firing": "bold red", "pending": "yellow", "resolved": "green", "retracted": "cyan"}
DEAD = "dead."  # prefix of the headers that tell why a record was rejected
NOT_READ = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RuleName(msgspec.Struct):
    """`rule` of an alert."""

    id: str


class AlertText(msgspec.Struct):
    """What a line shows of an alert; fields that this release does not know are passed over."""

    state: str
    step: str
    severity: str
    account: str
    rule: RuleName
    occurred_at: datetime
    why: str


class ScoreText(msgspec.Struct):
    """What a line shows of a score, momentum or learned."""

    score_id: str
    account: str
    task: str
    value: float | None
    occurred_at: datetime
    model: str | None = None
    why: str | None = None
    shadow: bool = False


def record_text(record: Stored) -> Text:
    """One line; never fails, whatever the record holds."""
    headers = dict(record.headers)
    if f"{DEAD}reason" in headers:
        return dead_text(record)
    if is_control(record.key):
        name = (record.key or b"")[1:]
        return _line(append_time(record), "control", shown(name), shown(record.value))
    try:
        return alert_text(msgspec.json.decode(record.value or b"", type=AlertText))
    except NOT_READ:
        pass
    try:
        return score_text(msgspec.json.decode(record.value or b"", type=ScoreText))
    except NOT_READ:
        pass
    try:
        return event_text(msgspec.json.decode(record.value or b"", type=CloudEvent))
    except NOT_READ:
        return _line(append_time(record), "record", shown(record.key), shown(record.value))


def alert_text(alert: AlertText) -> Text:
    """
    >>> print(alert_text(AlertText("firing", "due", "error", "acme", RuleName("contract.reply"),
    ...     datetime(2026, 3, 2, 11, tzinfo=UTC), "No answer.")))
    2026-03-02 11:00:00  firing    error    contract.reply  acme  No answer.
    """
    style = STYLES.get(alert.state, "dim")
    line = Text(f"{utc(alert.occurred_at)}  ", "dim")
    line.append(f"{shown(alert.state):9} {shown(alert.severity):8} ", style)
    line.append(f"{shown(alert.rule.id)}  ", "bold")
    return line.append(f"{shown(alert.account)}  {shown(alert.why)}")


def score_text(score: ScoreText) -> Text:
    """
    >>> print(score_text(ScoreText("id", "acme", "conversion", 0.731,
    ...     datetime(2026, 3, 2, 11, tzinfo=UTC), "logistic@4")))
    2026-03-02 11:00:00  score     conversion  acme  0.731  logistic@4
    """
    value = "withheld" if score.value is None else f"{score.value:.3f}"
    words = [shown(score.task), shown(score.account), value]
    words += [shown(by) for by in (score.why or score.model,) if by]
    return _line(utc(score.occurred_at), "shadow" if score.shadow else "score", *words)


def event_text(event: CloudEvent) -> Text:
    """
    >>> print(event_text(CloudEvent(specversion="1.0", id="1", source="//s", type="page.viewed",
    ...     time=datetime(2026, 3, 2, 11, tzinfo=UTC), subject="acme", data={"page": "pricing"})))
    2026-03-02 11:00:00  event     page.viewed  acme  {"page":"pricing"}
    """
    data = msgspec.json.encode(event.data)
    return _line(utc(event.time), "event", shown(event.type), shown(event.subject), shown(data))


def dead_text(record: Stored) -> Text:
    """A dead letter: why, from where, and its key."""
    told = dead_headers(record)
    place = f"{told.get('topic')}[{told.get('partition')}]@{told.get('offset')}"
    line = Text(f"{append_time(record)}  ", "dim").append("dead      ", "red")
    line.append(f"{shown(told.get('reason'))}  ", "bold")
    return line.append(f"{shown(place)}  {shown(record.key)}  {shown(told.get('message'))}")


def dead_headers(record: Stored) -> dict[str, str]:
    """The headers that tell why it was rejected, without their prefix."""
    return {
        name.removeprefix(DEAD): value.decode("utf-8", "replace")
        for name, value in record.headers
        if name.startswith(DEAD)
    }


def record_json(record: Stored) -> dict[str, Any]:
    """The whole record for programs: values that are JSON as such, other bytes in base64."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp,
        **_field("key", record.key),
        "headers": [{"name": name, **_field("value", value)} for name, value in record.headers],
        **_json_field(record.value),
    }


def shown(value: bytes | str | None) -> str:
    """Text without control characters and of bounded length; bytes that are no UTF-8 as escapes.

    >>> shown(b"a\\x1b[2J\\xff"), shown(None)
    ('a\\\\x1b[2J\\\\xff', '-')
    """
    if value is None:
        return "-"
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    text = text if len(text) <= WIDTH_MAX else f"{text[:WIDTH_MAX]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def append_time(record: Stored) -> str:
    """When the broker took it, UTC."""
    return utc(datetime.fromtimestamp(record.timestamp / 1000, UTC))


def utc(time: datetime) -> str:
    """
    >>> utc(datetime.fromisoformat("2026-03-02T09:00:00+08:00"))
    '2026-03-02 01:00:00'
    """
    if time.tzinfo is not None:  # a bad record's time may have none: it is shown as it stands
        with suppress(OverflowError):  # in UTC it may be before year 1 or after year 9999
            time = time.astimezone(UTC)
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _line(time: str, kind: str, *words: str) -> Text:
    return Text(f"{time}  ", "dim").append(f"{kind:9} ").append("  ".join(words))


def _field(name: str, value: bytes | None) -> dict[str, Any]:
    try:
        return {name: None if value is None else value.decode()}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(value or b"").decode()}


def _json_field(value: bytes | None) -> dict[str, Any]:
    try:
        return {"value": None if value is None else msgspec.json.decode(value)}
    except NOT_READ:
        return {"value": None, "value_base64": base64.b64encode(value or b"").decode()}
