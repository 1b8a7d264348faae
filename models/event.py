"""An event: CloudEvents 1.0 as it stands on the topics, and as the engine reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class CloudEvent(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """The attributes that Pathline keeps (CloudEvents v1.0.2, github.com/cloudevents/spec).

    `time` carries an offset; `subject` is the account; `actorkind` (customer, rep, system),
    `provenance` (captured, derived, typed) and `accounttz` (an IANA time zone) are extensions.
    """

    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    subject: str
    data: dict[str, Any] = {}
    actorkind: str | None = None
    provenance: str | None = None
    accounttz: str | None = None


class Event(CloudEvent, kw_only=True, omit_defaults=True, gc=False):
    """A CloudEvent placed in a log. Whoever decodes one must call `place`.

    at: `time` in ms since 1970, floored. offset: its place in the partition's log.
    """

    at: int = 0
    offset: int = -1


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970-01-01T00:00Z, floored; `time` must carry an offset and be after 1970.

    >>> from datetime import UTC
    >>> to_ms(datetime(2026, 3, 2, 9, 0, 0, 999_999, tzinfo=UTC))
    1772442000999
    """
    return int(time.timestamp()) * 1000 + time.microsecond // 1000


def place(event: Event, offset: int) -> Event:
    """Set what the log says about the event; whatever the payload said there is overwritten."""
    event.at = to_ms(event.time)
    event.offset = offset
    return event
