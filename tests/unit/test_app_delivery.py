"""What the Faust agent does when the runtime raises: it ends the process, and says how."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import BadSetting
from streams.app import _deliver_to
from tests.agents.world import Died, die


class Stream:
    """One delivery."""

    async def events(self) -> AsyncIterator[Any]:
        yield SimpleNamespace(message=SimpleNamespace(partition=0), value=None)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (BadSetting("set PATHLINE_X"), 3, "follow: set PATHLINE_X"),
        (ValueError("a payload"), 70, "follow: ValueError at app.py:"),
    ],
)
async def test_a_wrong_setting_is_refused_and_a_bug_is_broken(
    error: Exception, code: int, told: str
) -> None:
    async def receive(partition: int, batch: Any) -> None:
        raise error

    runtime: Any = SimpleNamespace(receive=receive, agent=SimpleNamespace(name="follow"))
    with pytest.raises(Died) as died:
        await _deliver_to(runtime, die)(Stream())
    assert died.value.code == code
    assert str(died.value).startswith(told)
    assert "payload" not in str(died.value)
