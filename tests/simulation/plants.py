"""Bugs planted on purpose, to see that the simulation finds them: one each, none in production."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from tests.simulation.ports import SimWriter

Patch = Callable[[], AbstractContextManager[Any]]


class Plant(NamedTuple):
    """writer: in place of the right one. patch: of production code, for as long as a run takes."""

    name: str
    writer: type[SimWriter] = SimWriter
    patch: Patch = nullcontext


NONE = Plant("none")
