"""All faults, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.chaos import kills, storms
from tests.chaos.finding import Finding
from tests.chaos.stage import Stage


class Fault(NamedTuple):
    """name: F1 to F24 are those of docs/reliability.md. bound_s: it may take no longer. is_aside:
    it mostly waits, so it is played beside the others. by_default: part of `make chaos`.
    """

    name: str
    play: Callable[[Stage], Awaitable[Finding]]
    bound_s: float = 240
    is_aside: bool = False
    by_default: bool = True

    @property
    def story(self) -> str:
        """Its docstring, as one line."""
        return " ".join((self.play.__doc__ or "").split())


FAULTS = (
    Fault("F1", kills.kill_nine),
    Fault("F2", kills.die_in_checkpoints),
    Fault("F3", storms.rebalance_storm, 420),
    Fault("F4", storms.zombie),
    Fault("F24", kills.stop_politely),
)
