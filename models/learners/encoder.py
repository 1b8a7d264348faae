"""What matured labels tell about a row: how often each of its categories ended with label 1.

On the model side, part of a snapshot: the scorer completes raw rows with it, and the completed row
is kept until the label comes. Only matured cases enter, so nothing of the future can (target
encoding, Micci-Barreca, SIGKDD Explorations 3(1), 2001, in its ordered form: each row is encoded
by earlier labels alone).
"""

from __future__ import annotations

from math import log
from typing import Self

import msgspec
import numpy as np

from models.errors import BadInput
from models.learners.arrays import parse
from models.learners.base import Example, Row, Schema

VERSION = 1
WORDS_MAX = 4096  # of each slot
SMOOTHING = 10.0  # cases by which a word is drawn to the base rate
RECENT = (50, 500)  # cases over which a recent rate is taken
RATE_MIN = 1e-3


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    names: tuple[str, ...]
    slots: tuple[str, ...]
    learned: int
    positives: int
    recent: list[float]
    counts: tuple[dict[str, tuple[int, int]], ...]


class Encoder:
    """Counts of cases and of positive ones, by slot and word. The word silent longest gives way.

    >>> encoder = Encoder(Schema(("hour",), ("team",)))
    >>> row = Row(np.zeros(1, np.float32), ("blue",), "task", "case", 0)
    >>> for label in (1, 0, 1):
    ...     encoder.learn_case(Example("case", (row,), label, 0))
    >>> encoder.schema.names[1], round(float(encoder.encode(row).values[1]), 2)
    ('team: how its cases ended', 0.06)
    """

    def __init__(self, raw: Schema) -> None:
        self.raw = raw
        odds = tuple(f"{slot}: how its cases ended" for slot in raw.words)
        recent = tuple(f"how the last {cases} cases ended" for cases in RECENT)
        self.schema = Schema((*raw.names, *odds, *recent), raw.words)
        self.learned = 0
        self.positives = 0
        self._recent = [0.5] * len(RECENT)
        self._counts: tuple[dict[str, tuple[int, int]], ...] = tuple({} for _ in raw.words)

    def encode(self, row: Row) -> Row:
        """The row with the encodings behind its raw values."""
        assert len(row.values) == len(self.raw.names), "a raw row of this task"
        rate = self._rate
        prior, base = SMOOTHING * rate, _log_odds(rate)
        odds = []
        for counts, word in zip(self._counts, row.words, strict=True):
            cases, positives = counts.get(word, _NONE)
            odds.append(_log_odds((positives + prior) / (cases + SMOOTHING)) - base)
        more = np.array(odds + [_log_odds(r) for r in self._recent], np.float32)
        values = np.concatenate((row.values, more))
        return Row(values, row.words, row.task, row.case, row.moment)

    def learn_case(self, example: Example) -> None:
        """A case counts once for each word that it had at one of its rows."""
        label = example.label
        self.learned += 1
        self.positives += label
        for i, cases in enumerate(RECENT):
            self._recent[i] += (label - self._recent[i]) / min(cases, self.learned + 1)
        for slot, counts in enumerate(self._counts):
            for word in dict.fromkeys(row.words[slot] for row in example.rows):
                cases, positives = counts.pop(word, _NONE)
                counts[word] = cases + 1, positives + label
            while len(counts) > WORDS_MAX:
                del counts[next(iter(counts))]

    @property
    def _rate(self) -> float:
        return (self.positives + 1) / (self.learned + 2)

    def dump(self) -> bytes:
        state = _State(
            VERSION,
            self.raw.names,
            self.raw.words,
            self.learned,
            self.positives,
            self._recent,
            self._counts,
        )
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(cls, state: bytes) -> Self:
        """Raises BadInput for what is no dump of this version."""
        found = parse(state, _State, "encoder")
        sizes = len(found.counts), len(found.recent)
        sound = sizes == (len(found.slots), len(RECENT)) and 0 <= found.positives <= found.learned
        if found.version != VERSION or not sound:
            raise BadInput("bad_model_state", f"encoder of version {found.version}: not known")
        encoder = cls(Schema(found.names, found.slots))
        encoder.learned, encoder.positives = found.learned, found.positives
        encoder._recent, encoder._counts = found.recent, found.counts
        return encoder


_NONE = (0, 0)


def _log_odds(rate: float) -> float:
    rate = min(max(rate, RATE_MIN), 1 - RATE_MIN)
    return log(rate / (1 - rate))
