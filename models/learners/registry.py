"""Every learner that a task may name. A new one costs a file and a line here.

Between a task's `learner` and a snapshot that names the same. The modules are imported when first
asked for: a worker whose tasks need no River does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple, cast

from models.errors import BadInput
from models.learners.base import Authenticated, Learner, Schema


class Kind(NamedTuple):
    """place: `module:class` below this folder. libraries: those whose version a state depends on.

    settings: how the class's own settings differ from their defaults.
    """

    place: str
    libraries: tuple[str, ...] = ()
    settings: Mapping[str, Any] = {}


LEARNERS: Mapping[str, Kind] = {
    "logistic": Kind("logistic:Logistic"),
    "challenger": Kind("challenger:Challenger"),
    "mean": Kind("mixture:Mixture"),
    "hedge": Kind("mixture:Mixture", settings={"rate": 0.5}),
    "hoeffding-adaptive-tree": Kind("river_trees:RiverTree", ("river",)),
    "adaptive-random-forest": Kind("river_trees:RiverForest", ("river",)),
}


def kind_of(name: str) -> Kind:
    """Raises BadInput with the names that there are."""
    if name not in LEARNERS:
        raise BadInput("unknown_learner", f"{name!r} is none of {', '.join(LEARNERS)}")
    return LEARNERS[name]


def make(name: str, schema: Schema) -> Learner:
    """A new one, which has learned nothing."""
    module, found = _class(name)
    settings = kind_of(name).settings
    whole = (module.Settings(**settings),) if settings else ()
    return cast(Learner, found(schema, *whole))


def load(name: str, state: Authenticated) -> Learner:
    """What a learner of that name has dumped. Raises BadInput for what it cannot read."""
    restore = cast(Callable[[Authenticated], Learner], _class(name)[1].load)
    return restore(state)


def libraries(name: str) -> dict[str, str]:
    """The versions here of what a state of this learner depends on."""
    return {library: version(library) for library in kind_of(name).libraries}


def _class(name: str) -> tuple[Any, Any]:
    place, _, found = kind_of(name).place.partition(":")
    module = import_module(f"models.learners.{place}")
    return module, getattr(module, found)
