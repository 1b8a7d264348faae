"""Instants and spans of time, read from text and written.

Source: "Types and Conversions" in cel-spec, doc/langdef.md; RFC 3339. A timestamp has nanoseconds,
so Python's datetime serves for whole seconds only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from rules.cel.operators import to_duration, to_timestamp
from rules.cel.values import Duration, Error, Kind, Timestamp, Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR = 10**9, 60 * 10**9, 3600 * 10**9  # in ns

_UNITS = {"h": HOUR, "m": MINUTE, "s": SECOND, "ms": 10**6, "us": 10**3, "ns": 1}
_UNITS |= {"µs": 10**3, "μs": 10**3}  # the micro sign and the Greek letter
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,64}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_PART = re.compile(r"([0-9]{0,64})(?:\.([0-9]{0,64}))?(h|ms|m|s|us|µs|μs|ns)")


def parse_timestamp(text: str) -> Value:
    """RFC 3339 with an offset; digits beyond nanoseconds are cut.

    >>> parse_timestamp("1970-01-01T01:00:00.5+01:00")
    Timestamp(ns=500000000)
    """
    match = _INSTANT.fullmatch(text)
    if match is not None:
        year, month, day, hour, minute, second = map(int, match.groups()[:6])
        fraction, sign, hours, minutes = match.groups()[6:]
        try:
            offset = to_offset(sign or "+", hours or "00", minutes or "00")
            span = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - EPOCH - offset
        except ValueError:
            pass
        else:
            ns = int((fraction or "0").ljust(9, "0")[:9])
            return to_timestamp((span.days * 86_400 + span.seconds) * SECOND + ns)
    wrong = f'"{text[:60]}" is no time such as 2026-03-02T09:00:00Z or 2026-03-02T09:00:00+08:00'
    return Error(Kind.INVALID_ARGUMENT, wrong)


def to_offset(sign: str, hours: str, minutes: str) -> timedelta:
    """What a local clock is ahead of UTC. Raises ValueError beyond 23:59."""
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(f"{sign}{hours}:{minutes} is no offset")
    span = timedelta(hours=int(hours), minutes=int(minutes))
    return -span if sign == "-" else span


def from_datetime(time: datetime) -> Timestamp:
    """`time` must carry an offset.

    >>> from_datetime(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    Timestamp(ns=1000005000)
    """
    span = time - EPOCH
    return Timestamp((span.days * 86_400 + span.seconds) * SECOND + span.microseconds * 1_000)


def format_timestamp(time: Timestamp) -> str:
    """RFC 3339 in UTC, with as many digits of a second as it needs.

    >>> format_timestamp(Timestamp(1_500_000_000))
    '1970-01-01T00:00:01.5Z'
    """
    seconds, ns = divmod(time.ns, SECOND)
    whole = (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None)
    return whole.isoformat() + _fraction(ns) + "Z"


def parse_duration(text: str) -> Value:
    """Such as `1h30m`, `-1.5s`, `0`: hours, minutes, seconds, ms, us, ns; below that it is cut.

    >>> parse_duration("-1m30.5s")
    Duration(ns=-90500000000)
    """
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return Duration(0)
    ns = place = 0
    while match := _PART.match(body, place):
        whole, fraction, unit = match.groups()
        if not (whole or fraction):
            break
        ns += int(whole or "0") * _UNITS[unit]
        ns += int(fraction or "0") * _UNITS[unit] // 10 ** len(fraction or "")
        place = match.end()
    if not body or place < len(body):
        wrong = f'"{text[:60]}" is no span of time such as 1h30m, 45s or 250ms (no days, no weeks)'
        return Error(Kind.INVALID_ARGUMENT, wrong)
    return to_duration(-ns if text[0] == "-" else ns)


def format_duration(span: Duration) -> str:
    """Seconds, with as many digits as they need.

    >>> format_duration(Duration(60_001_000_000))
    '60.001s'
    """
    seconds, ns = divmod(abs(span.ns), SECOND)
    return f"{'-' if span.ns < 0 else ''}{seconds}{_fraction(ns)}s"


def _fraction(ns: int) -> str:
    return f".{ns:09d}".rstrip("0") if ns else ""
