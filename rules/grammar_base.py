"""What the models of the rule language are made of: their base, and the types of single fields."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from models.duration import Duration


class Form(BaseModel):
    """Base of all that people write: unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _duration(value: object) -> Duration:
    return value if isinstance(value, Duration) else Duration.parse(value)


def _wall(value: Duration) -> Duration:
    if value.business:
        raise ValueError("wall time is wanted here (s, m, h, d, w), not business time")
    return value


def _zone(value: str) -> str:
    if value != "account":
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is not an IANA time zone (or `account`)") from None
    return value


def _fractions(value: tuple[float, ...]) -> tuple[float, ...]:
    if list(value) != sorted(set(value)) or any(not 0 < f < 1 for f in value):
        raise ValueError("fractions of the goal, rising, each above 0 and below 1")
    return value


Span = Annotated[Duration, BeforeValidator(_duration)]
WallSpan = Annotated[Duration, BeforeValidator(_duration), AfterValidator(_wall)]
Zone = Annotated[str, AfterValidator(_zone)]
Fractions = Annotated[tuple[float, ...], Field(max_length=16), AfterValidator(_fractions)]
Path = Annotated[str, Field(pattern=r"^data(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$")]
