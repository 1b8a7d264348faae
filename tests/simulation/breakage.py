"""An engine with two bugs, so that quarantine has something to do: workers and judge share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from models.account import Account
from models.event import Event
from rules import engine
from rules.context import Output
from rules.partition import Partition
from streams.agents import follow
from tests.simulation.traffic import BREAKING, CURSED


class Bug(Exception):
    """Of the engine."""


class BreakablePartition(Partition):
    """Breaks half way at an event that is meant to."""

    def advance(self, event: Event) -> list[Output]:
        outputs = super().advance(event)
        if BREAKING in event.data:
            raise Bug(event.id)
        return outputs


_expire = engine.expire


def _break_expire(account: Account, *others: Any) -> bool:
    told = _expire(account, *others)
    if told and account.id == CURSED:
        raise Bug("a deadline")
    return told


@contextmanager
def breakable() -> Iterator[None]:
    """For as long as a run takes."""
    with (
        mock.patch.object(follow, "Partition", BreakablePartition),
        mock.patch.object(engine, "expire", _break_expire),
    ):
        yield
