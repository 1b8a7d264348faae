"""Several learners as one: the weighted mean of their log odds, with equal or with online weights.

In the registry beside its members; with the mean, champion and challenger together beat each of
them on real logs (docs/scores.md). Weights are moved by each case before it is learned, so they
too are judged on what was not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import BadInput
from models.learners import registry
from models.learners.arrays import parse
from models.learners.base import Authenticated, Example, Learner, Probabilities, Row, Schema
from models.learners.challenger import Batch, Refitted
from models.learners.reasons import largest
from models.learners.trees import Trees

VERSION = 1
MIXTURES = {name for name, kind in registry.LEARNERS.items() if kind.place == "mixture:Mixture"}
MEMBERS_MAX = 8
CERTAIN = 1e-9  # a probability nearer to 0 or 1 counts as this near

Floats = NDArray[np.float64]


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """members: names in the registry, no mixtures. rate: how fast weights follow the loss; 0: equal
    weights for ever. share: what is dealt out evenly after each case, so that who was bad long ago
    can come back.
    """

    members: tuple[str, ...] = ("logistic", "challenger")
    rate: float = 0.0
    share: float = 0.001


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    names: tuple[str, ...]
    words: tuple[str, ...]
    settings: Settings
    learned: int
    weights: list[float]
    members: list[bytes]


class Mixture:
    """Hedge (Freund, Schapire, JCSS 55(1), 1997) on the log loss, with a fixed share (Herbster,
    Warmuth, Machine Learning 32, 1998). A member that is not ready has no say.
    """

    def __init__(self, schema: Schema, settings: Settings = Settings()) -> None:  # noqa: B008 - frozen
        self.schema = schema
        self.settings = settings
        self.learned = 0
        self.members = [registry.make(name, schema) for name in settings.members]
        self._weights: Floats = np.full(len(self.members), 1 / len(self.members))

    @property
    def schema_hash(self) -> str:
        return self.schema.hash

    @property
    def rows_kept(self) -> int:
        return max(member.rows_kept for member in self.members)

    @property
    def weights(self) -> dict[str, float]:
        """Of each member; those that are ready sum to 1."""
        return dict(zip(self.settings.members, self._shares().tolist(), strict=True))

    @property
    def ready(self) -> bool:
        return all(_ready(member) for member in self.members)

    def predict_many(self, rows: Sequence[Row]) -> Probabilities:
        log_odds = sum(
            (share * _log_odds(member.predict_many(rows)) for share, member in self._voices()),
            np.zeros(len(rows)),
        )
        return 1 / (1 + np.exp(-log_odds))

    def learn_case(self, example: Example) -> None:
        if self.settings.rate:
            self._weigh(example)
        for member in self.members:
            member.learn_case(example)
        self.learned += 1

    def reasons(self, row: Row, count: int) -> list[tuple[str, float]]:
        added = dict.fromkeys(self.schema.names, 0.0)
        for share, member in self._voices():
            for name, amount in member.reasons(row, len(added)):
                added[name] += share * amount
        return largest(self.schema.names, np.array(list(added.values())), count)

    def batch(self) -> Batch | None:
        """Of the member that is due for a fit; see `Refitted`."""
        found = (member.batch() for member in self._refitted())
        return next((batch for batch in found if batch is not None), None)

    def take(self, trees: Trees, learned: int) -> None:
        for member in self._refitted():
            member.take(trees, learned)

    def dump(self, *, bare: bool = False) -> bytes:
        members = [member.dump(bare=bare) for member in self.members]
        return msgspec.msgpack.encode(
            _State(VERSION, self.schema.names, self.schema.words, self.settings, self.learned,
                   self._weights.tolist(), members)
        )  # fmt: skip

    @classmethod
    def load(cls, state: Authenticated) -> Self:
        found = parse(state, _State, "mixture")
        names, weights = found.settings.members, np.array(found.weights)
        known = found.version == VERSION and not MIXTURES & set(names)
        if not known or not 0 < len(names) == len(weights) == len(found.members) <= MEMBERS_MAX:
            raise BadInput("bad_model_state", f"mixture of version {found.version}: not known")
        if not (np.isfinite(weights) & (weights > 0)).all():
            raise BadInput("bad_model_state", f"mixture with weights {found.weights}")
        mixture = cls(Schema(found.names, found.words), found.settings)
        mixture.members = [
            registry.load(name, Authenticated(member))
            for name, member in zip(names, found.members, strict=True)
        ]
        if any(member.schema_hash != mixture.schema_hash for member in mixture.members):
            raise BadInput("bad_model_state", "mixture: its members take other features")
        mixture.learned, mixture._weights = found.learned, weights
        return mixture

    def refill(self, examples: Iterable[Example]) -> None:
        newest = list(examples)
        for member in self.members:
            member.refill(newest)

    def memory_bytes(self) -> int:
        return sum(member.memory_bytes() for member in self.members)

    def _refitted(self) -> list[Refitted]:
        return [member for member in self.members if isinstance(member, Refitted)]

    def _shares(self) -> Floats:
        ready = np.array([_ready(member) for member in self.members])
        shares = np.where(ready, self._weights, 0.0)
        return shares / shares.sum() if ready.any() else self._weights

    def _voices(self) -> list[tuple[float, Learner]]:
        shares = self._shares().tolist()
        return [(s, m) for s, m in zip(shares, self.members, strict=True) if s]

    def _weigh(self, example: Example) -> None:
        if not self.ready:
            return
        sign = 2 * example.label - 1
        odds = [_log_odds(m.predict_many(example.rows)) for m in self.members]
        losses = np.array([np.logaddexp(0, -sign * one).mean() for one in odds])
        weights = self._weights * np.exp(-self.settings.rate * (losses - losses.min()))
        share = self.settings.share
        self._weights = (1 - share) * weights / weights.sum() + share / len(weights)


def _ready(member: Learner) -> bool:
    return member.ready if isinstance(member, Refitted) else True


def _log_odds(probabilities: Probabilities) -> Floats:
    inside = np.clip(probabilities, CERTAIN, 1 - CERTAIN)
    odds: Floats = np.log(inside / (1 - inside))
    return odds
