"""Paths into an event's data, such as `data.order.id`, compiled to getters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from models.event import Event

KEY_CHARS_MAX = 256  # of a text that tells instances apart: an account keeps it for each of them


def compile_path(path: str) -> Callable[[Event], Any]:
    """A getter of the value, None when it is not there.

    >>> from datetime import UTC, datetime
    >>> event = Event(specversion="1.0", id="1", source="//s", type="a.b", subject="acme",
    ...               time=datetime(2026, 3, 2, tzinfo=UTC), data={"order": {"id": 7}})
    >>> compile_path("data.order.id")(event), compile_path("data.order.no")(event)
    (7, None)
    """
    names = path.split(".")[1:]
    if len(names) == 1:
        only = names[0]
        return lambda event: event.data.get(only)

    def get(event: Event) -> Any:
        value: Any = event.data
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return get


def compile_key(paths: Sequence[str]) -> Callable[[Event], dict[str, Any] | None]:
    """A getter of the values that tell instances apart; None when one is not there or is none.

    >>> from datetime import UTC, datetime
    >>> event = Event(specversion="1.0", id="1", source="//s", type="a.b", subject="acme",
    ...               time=datetime(2026, 3, 2, tzinfo=UTC), data={"id": 7, "text": "x" * 257})
    >>> compile_key(["data.id"])(event), compile_key(["data.text"])(event)
    ({'data.id': 7}, None)
    """
    getters = [(path, compile_path(path)) for path in paths]

    def key(event: Event) -> dict[str, Any] | None:
        values = {}
        for path, get in getters:
            value = get(event)
            if not is_key(value):
                return None
            values[path] = value
        return values

    return key


def is_key(value: Any) -> bool:
    """Whether a value may tell instances apart: a number, a bool, or text that is not too long.

    >>> is_key(7), is_key("T-17"), is_key("x" * 257), is_key([7])
    (True, True, False, False)
    """
    if type(value) is str:
        return len(value) <= KEY_CHARS_MAX
    return type(value) in (int, float, bool)
