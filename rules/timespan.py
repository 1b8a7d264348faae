"""Spans of time as people read them: in tests' timelines and descriptions."""

from __future__ import annotations

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def span(ms: int) -> str:
    """ms as days, hours, minutes, seconds.

    >>> span(950_400_000), span(5_400_000), span(0), span(-1_500)
    ('11d', '1h 30m', '0s', '-1s 500ms')
    """
    sign, rest = ("-", -ms) if ms < 0 else ("", ms)
    parts = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + (" ".join(parts) or "0s")
