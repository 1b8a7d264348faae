"""Who explains which kind: one line each. A kind without one still has its readings and alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from typing import Any, Protocol

from models.account import Account
from models.case import Case, Mark
from models.event import Event
from rules.context import Context
from rules.explaining.episodes import Episodes
from rules.explaining.reading import Note, when
from rules.explaining.runs import Runs


class Explainer(Protocol):
    """What is particular to a kind."""

    def notes(
        self, before: Mapping[str, Case], account: Account, event: Event, clock: int
    ) -> Iterator[Note]: ...

    def standing(
        self, cases: Mapping[str, Case], context: Context, zone: tzinfo | None
    ) -> Iterator[tuple[str, str, int | None]]: ...


class Plain:
    """A kind of which only readings and alerts are told."""

    def __init__(self, rule: object) -> None:
        """Whatever the rule is."""

    def notes(
        self, before: Mapping[str, Case], account: Account, event: Event, clock: int
    ) -> Iterator[Note]:
        return iter(())

    def standing(
        self, cases: Mapping[str, Case], context: Context, zone: tzinfo | None
    ) -> Iterator[tuple[str, str, int | None]]:
        for name, case in cases.items():
            if opened := getattr(case, "opened", ()):
                last = opened[-1]  # a mark, or the hit of a composite's member
                at = last.time if isinstance(last, Mark) else last.at
                yield name, f"it stands since {when(at, zone)}", getattr(case, "due", 0) or None


EXPLAINERS: dict[str, Callable[[Any], Explainer]] = {
    "absence": Episodes,
    "sequence": Runs,
    "sla": Episodes,
}
