"""The parts of an instant in a time zone, and of a span of time.

Source: "Timezones" and "Date/Time Functions" in cel-spec, doc/langdef.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.cel.times import EPOCH, HOUR, MINUTE, SECOND, to_offset
from rules.cel.values import Duration, Error, Kind, Timestamp, Value

_FIXED = re.compile(r"([+-]?)([0-9]{2}):([0-9]{2})")
_NAMED = re.compile(r"[A-Z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*")


@lru_cache(maxsize=256)
def find_zone(name: str) -> tzinfo | Error:
    """`UTC`, a name of the IANA database, or an offset such as `+08:00`.

    Names of one machine only, such as `localtime`, are refused.
    """
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        if match := _FIXED.fullmatch(name):
            return timezone(to_offset(*match.groups()))
        if _NAMED.fullmatch(name):
            return ZoneInfo(name)
    wrong = f'"{name[:60]}" is no time zone such as Europe/Paris, UTC or +08:00'
    return Error(Kind.INVALID_ARGUMENT, wrong)


def _local(time: Timestamp, zone: str) -> datetime | Error:
    found = find_zone(zone)
    if isinstance(found, Error):
        return found
    try:
        return (EPOCH + timedelta(seconds=time.ns // SECOND)).astimezone(found)
    except OverflowError:
        return Error(Kind.OUT_OF_RANGE, "the local time is before year 1 or after year 9999")


def of_timestamp(part: Callable[[datetime], int]) -> Callable[..., Value]:
    """A getter `(timestamp, zone="UTC")` of a part of the local time."""

    def get(time: Timestamp, zone: str = "UTC") -> Value:
        local = _local(time, zone)
        return local if isinstance(local, Error) else part(local)

    return get


def milliseconds(time: Timestamp, zone: str = "UTC") -> Value:
    """Those of the second; no zone moves them, but it must be one."""
    found = find_zone(zone)
    return found if isinstance(found, Error) else time.ns % SECOND // 10**6


def of_duration(unit: int, modulus: int = 2**63) -> Callable[[Duration], int]:
    """A getter of a span in whole `unit`s (ns), rounded towards zero."""

    def get(span: Duration) -> int:
        count = abs(span.ns) // unit % modulus
        return -count if span.ns < 0 else count

    return get


TIMESTAMP_PARTS: dict[str, Callable[..., Value]] = {
    "getFullYear": of_timestamp(lambda t: t.year),
    "getMonth": of_timestamp(lambda t: t.month - 1),
    "getDate": of_timestamp(lambda t: t.day),
    "getDayOfMonth": of_timestamp(lambda t: t.day - 1),
    "getDayOfWeek": of_timestamp(lambda t: t.isoweekday() % 7),
    "getDayOfYear": of_timestamp(lambda t: t.timetuple().tm_yday - 1),
    "getHours": of_timestamp(lambda t: t.hour),
    "getMinutes": of_timestamp(lambda t: t.minute),
    "getSeconds": of_timestamp(lambda t: t.second),
    "getMilliseconds": milliseconds,
}
DURATION_PARTS: dict[str, Callable[[Duration], int]] = {
    "getHours": of_duration(HOUR),
    "getMinutes": of_duration(MINUTE),
    "getSeconds": of_duration(SECOND),
    "getMilliseconds": of_duration(10**6, 1_000),
}
