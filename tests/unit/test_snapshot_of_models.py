"""A snapshot carries a model whole, and is refused with the reason where it does not belong."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from models.errors import BadInput
from models.learners import registry, snapshot
from models.learners.base import Authenticated, Example, Row, Schema
from models.learners.boosting import refit
from models.learners.challenger import Refitted
from models.learners.encoder import Encoder
from models.learners.registry import LEARNERS
from models.learners.snapshot import MAGIC, Header, Model, enclose, read_header, seal

RAW = Schema(("hour", "amount"), ("team",))
TASK = "conversion"


def rows(case: int, count: int) -> tuple[Row, ...]:
    chance = np.random.default_rng(case)
    team = "blue" if case % 3 else "red"
    return tuple(
        Row(chance.normal(size=2).astype(np.float32), (team,), TASK, str(case), case)
        for _ in range(count)
    )


def taught(learner: str, cases: int = 260) -> Model:
    """The label hangs on the team, which only the encoder knows."""
    encoder = Encoder(RAW)
    model = Model(encoder, registry.make(learner, encoder.schema))
    go_on(model, range(cases))
    return model


def go_on(model: Model, cases: range) -> None:
    for case in cases:
        seen = tuple(model.encoder.encode(row) for row in rows(case, 1 + case % 3))
        example = Example(str(case), seen, int(case % 3 > 0), case)
        model.learner.learn_case(example)
        model.encoder.learn_case(example)
        if isinstance(model.learner, Refitted):
            refit(model.learner)


def says(model: Model) -> list[float]:
    asked = [model.encoder.encode(row) for case in range(1_000, 1_020) for row in rows(case, 2)]
    return model.learner.predict_many(asked).tolist()


def load(sealed: bytes, task: str = TASK, schema: str = RAW.hash) -> tuple[Header, Model]:
    return snapshot.load(Authenticated(sealed), task, schema)


@pytest.mark.parametrize("learner", LEARNERS)
def test_loaded_it_says_the_same_and_goes_on_as_before(learner: str) -> None:
    model = taught(learner)
    sealed = seal(model, TASK, 3, learner)
    header, again = load(sealed)
    assert (header.task, header.version, header.learner, header.learned) == (TASK, 3, learner, 260)
    assert says(again) == pytest.approx(says(model), abs=1e-12)
    assert seal(again, TASK, 3, learner) == sealed
    go_on(model, range(260, 300))
    go_on(again, range(260, 300))
    assert says(again) == pytest.approx(says(model), abs=1e-12)


def test_what_can_be_told_without_loading_it() -> None:
    sealed = seal(taught("hoeffding-adaptive-tree", 5), TASK, 7, "hoeffding-adaptive-tree")
    header = read_header(sealed)
    assert header.learned == 5
    assert list(header.libraries) == ["river"]


def test_one_flipped_bit_anywhere_is_found() -> None:
    sealed = seal(taught("challenger", 3), TASK, 1, "challenger")
    for place in range(0, len(sealed), 11):
        damaged = bytearray(sealed)
        damaged[place] ^= 4
        with pytest.raises(BadInput, match=r"damaged|other_format"):
            load(bytes(damaged))


def edited(sealed: bytes, **changes: object) -> bytes:
    """As somebody with a key could seal it: another header, a checksum that fits."""
    start = len(MAGIC) + snapshot.CHECK_BYTES
    _, encoder, learner = msgspec.msgpack.decode(sealed[start:])
    header = msgspec.structs.replace(read_header(sealed), **changes)
    return enclose(header, encoder, learner)


REFUSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda sealed: b"", "other_format"),
    "a later envelope": (lambda sealed: sealed.replace(b"model 1", b"model 2", 1), "other_format"),
    "another task": (lambda sealed: edited(sealed, task="silence"), "other_task"),
    "other features": (lambda sealed: edited(sealed, schema="00"), "other_schema"),
    "another library": (
        lambda sealed: edited(sealed, libraries={"river": "0.1"}), "other_library.*0.1"),
    "no such learner": (lambda sealed: edited(sealed, learner="oracle"), "unknown_learner"),
    "the wrong learner": (lambda sealed: edited(sealed, learner="mean"), "bad_model_state"),
    "a wrong count": (lambda sealed: edited(sealed, learned=9), "bad_model_state"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_and_says_why(case: str) -> None:
    change, reason = REFUSED[case]
    sealed = seal(taught("challenger", 3), TASK, 1, "challenger")
    with pytest.raises(BadInput, match=reason):
        load(change(sealed))


def test_an_encoder_of_other_features_is_refused() -> None:
    sealed = seal(taught("challenger", 3), TASK, 1, "challenger")
    start = len(MAGIC) + snapshot.CHECK_BYTES
    _, _, learner = msgspec.msgpack.decode(sealed[start:])
    other = Encoder(Schema(("hour", "amount"), ("city",))).dump()
    with pytest.raises(BadInput, match="do not agree"):
        load(enclose(read_header(sealed), other, learner))


def test_an_unknown_learner_is_told_with_those_that_there_are() -> None:
    with pytest.raises(BadInput, match=r"'oracle' is none of logistic, challenger"):
        registry.make("oracle", RAW)
