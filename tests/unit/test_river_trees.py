"""River's trees: bounded, and read back from what was authenticated alone."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import msgspec
import mypy.api
import numpy as np
import pytest

from models.errors import BadInput
from models.learners import river_trees
from models.learners.base import Authenticated, Example, Row, Schema
from models.learners.river_trees import MEBIBYTES_MAX, ROWS_MAX, RiverForest, RiverTree

SCHEMA = Schema(tuple(f"value {n}" for n in range(20)), ())


def row(values: Any, case: str = "case") -> Row:
    return Row(np.float32(values), (), "task", case, 0)


def pickled(tree: RiverTree, what: object) -> Authenticated:
    """The state of a tree, with something else inside; its signature would hold."""
    state = msgspec.msgpack.decode(tree.dump())
    return Authenticated(msgspec.msgpack.encode([*state[:-1], pickle.dumps(what)]))


def test_of_a_long_case_a_few_rows_are_learned_the_first_and_the_last_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learned: list[float] = []
    tree = RiverTree(SCHEMA)
    monkeypatch.setattr(tree._model, "learn_one", lambda x, y: learned.append(x[0]))
    tree.learn_case(Example("long", tuple(row([n] * 20) for n in range(100)), 1, 0))
    assert len(learned) == ROWS_MAX
    assert (learned[0], learned[-1]) == (0, 99)
    assert tree.learned == 1


@pytest.mark.parametrize("kind", [RiverTree, RiverForest])
def test_its_memory_stays_within_its_bound(
    kind: type[RiverTree], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a small bound, and the size looked at more often; without it, it would be twice that."""
    monkeypatch.setattr(river_trees, "MEBIBYTES_MAX", MEBIBYTES_MAX / 150)
    monkeypatch.setattr(river_trees, "ROWS_BETWEEN_ESTIMATES", 40)
    chance, tree = np.random.default_rng(1), kind(SCHEMA)
    for _ in range(1_500):
        values = chance.normal(size=20)
        tree.learn_case(Example("case", (row(values),), int(values[0] * values[1] > 0), 0))
    assert tree.memory_bytes() < 1.5 * kind.trees * MEBIBYTES_MAX / 150 * 2**20


def test_what_another_river_has_written_is_refused_before_it_is_unpickled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = Authenticated(RiverTree(SCHEMA).dump())
    monkeypatch.setattr(river_trees, "RIVER", "0.99.0")
    monkeypatch.setattr(river_trees, "_Unpickler", None)
    with pytest.raises(BadInput, match=r"here it is River 0\.99\.0"):
        RiverTree.load(state)


class Opens:
    """What a hostile pickle would do first."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


def test_nothing_but_rivers_classes_is_built() -> None:
    """Behind the signature, should a key ever leak."""
    tree = RiverTree(SCHEMA)
    for hostile in (Opens(), np.float64(1), river_trees.largest):
        with pytest.raises(BadInput, match="hold a "):
            RiverTree.load(pickled(tree, hostile))
    dotted = b"\x80\x04\x8c\x0criver.stream\x8c\x12iter_csv.os.system\x93."
    state = msgspec.msgpack.decode(tree.dump())
    with pytest.raises(BadInput, match=r"river\.stream\.iter_csv\.os\.system"):
        RiverTree.load(Authenticated(msgspec.msgpack.encode([*state[:-1], dotted])))


def test_a_forest_is_no_tree_and_rubbish_is_neither() -> None:
    forest = RiverForest(SCHEMA).dump()
    with pytest.raises(BadInput, match="ARFClassifier is no RiverTree"):
        RiverTree.load(Authenticated(forest))
    for damaged in (b"", b"\x80", forest[:-1]):
        with pytest.raises(BadInput, match="bad_model_state"):
            RiverForest.load(Authenticated(damaged))
    state = msgspec.msgpack.decode(forest)
    for rubbish in (b"", b"\x80\x04", b"junk"):
        with pytest.raises(BadInput, match="bad_model_state"):
            RiverForest.load(Authenticated(msgspec.msgpack.encode([*state[:-1], rubbish])))


def test_bytes_that_nobody_has_checked_do_not_type_check(tmp_path: Path) -> None:
    """So who forgets the signature hears of it before anything runs."""
    program = tmp_path / "program.py"
    program.write_text(
        "from models.learners.base import Authenticated\n"
        "from models.learners.river_trees import RiverTree\n"
        "RiverTree.load(Authenticated(b''))\n"
        "RiverTree.load(b'')\n"
    )
    told, _, code = mypy.api.run([str(program), "--cache-dir", ".mypy_cache"])
    assert code == 1
    [line] = [line for line in told.splitlines() if "program.py" in line]
    assert ":4: error" in line
    assert 'expected "Authenticated"' in line
