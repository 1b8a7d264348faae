"""Models that are who they say: signed where there is a key, and else refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from models.errors import BadInput, BadSetting
from models.learners import snapshot
from streams.control import Decide, UseModel, encode_control
from streams.keyring import HEADER, Key, Keyring, Signer
from streams.model_shelf import ModelShelf, Wanted, digest_of
from tests.agents.learning import (
    EXAMPLES,
    LOG,
    MINUTE_MS,
    MODELS,
    OFFERS,
    compiled,
    course,
    deals,
    follower,
    live,
    run,
    scores,
    sealed_models,
    student,
    taught,
)
from tests.agents.test_follow import event
from tests.agents.world import Died, World

RING = Keyring([Key("k1", b"s" * 32, None)])
OTHER = Keyring([Key("k1", b"t" * 32, None)])
TRIAL = {**OFFERS, "shadow": "mean"}
(RAW,) = (each.features.schema.hash for each in compiled())


class SignedWorld(World):
    """Whoever appends in it has the key."""

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        headers = Signer(RING, self.clock).headers(topic, partition, key, value)
        self.put(topic, partition, (key, value, headers))  # type: ignore[arg-type]


async def test_with_a_key_models_are_signed_and_others_refused() -> None:
    w = SignedWorld()
    follow = await follower(w, keyring=RING).start()
    learn = await student(w, keyring=RING).start()
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    assert all(dict(r.headers).get(HEADER) for r in w.records(MODELS))
    w.put(LOG, 0, event("quote.sent", 100 * MINUTE_MS, "late"))
    await run(follow, learn)
    assert [s.model for s in scores(w) if s.account == "late"] == ["logistic@4"]
    for ring in (RING, OTHER):  # nothing in this state can run: keys may come and go
        assert course(await student(w, keyring=ring).start()).learned == 40


async def test_an_unsigned_decision_does_not_count_once_there_is_a_key() -> None:
    w = SignedWorld()
    follow = await follower(w, TRIAL, keyring=RING).start()
    learn = await student(w, TRIAL, keyring=RING).start()
    w.put(LOG, 0, *deals(0, 20))
    await run(follow, learn)
    decision = Decide(task="offers", learner="mean", what="promote", by="eve", why="mine")
    w.put(EXAMPLES, 0, encode_control(decision))
    await run(follow, learn)
    assert course(learn).champion == "logistic"


async def load(w: World, keyring: Keyring | None = None, **changes: Any) -> Any:
    """The newest snapshot of the world, as a scorer would have it."""
    record = sealed_models(w)[-1]
    sealed = changes.get("sealed", record.value or b"")

    async def fetch(wanted: Any) -> Any:
        return {record.key: record._replace(value=sealed)}

    _, _, version = (record.key or b"").partition(b"/")
    digest = changes.get("digest", digest_of(sealed))
    wanted = Wanted("offers", int(version), digest, record.timestamp)
    shelf = ModelShelf({"offers": changes.get("schema", RAW)}, MODELS, fetch, keyring)
    await shelf.load([wanted])
    return shelf.loaded(digest)


async def test_a_snapshot_is_refused_with_a_name_for_each_reason() -> None:
    w = World()
    await taught(w)
    sealed = sealed_models(w)[-1].value or b""
    header = snapshot.read_header(sealed)
    assert not isinstance(await load(w), BadInput)
    refused = {
        "model_unsigned": await load(w, RING),
        "model_other_content": await load(w, digest="d" * 64),
        "other_schema": await load(w, schema="another"),
        "damaged": await load(w, sealed=sealed[:-1] + b"?"),
        "other_library": await load(
            w,
            sealed=snapshot.enclose(
                header.__class__("offers", 4, "logistic", RAW, {"numpy": "0.1"}, 40), b"", b""
            ),
        ),
    }
    assert {name: found.reason for name, found in refused.items()} == {n: n for n in refused}


async def test_a_refused_model_leaves_the_old_one_in_its_place() -> None:
    w = World()
    follow, learn = await live(w)
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    forged = UseModel(task="offers", version=9, digest="f" * 64)
    w.put(LOG, 0, encode_control(forged), event("quote.sent", 100 * MINUTE_MS, "late"))
    await run(follow, learn)
    assert [s.model for s in scores(w) if s.account == "late"] == ["logistic@4"]
    again = await follower(w).start()
    w.put(LOG, 0, event("quote.sent", 101 * MINUTE_MS, "later"))
    await run(again, learn)
    assert [s.model for s in scores(w) if s.account == "later"] == ["logistic@4"]


async def test_a_learner_that_needs_pickle_needs_a_key() -> None:
    trees = {**OFFERS, "learner": "hoeffding-adaptive-tree"}
    with pytest.raises(BadSetting, match="PATHLINE_CONTROL_KEY_FILE"):
        student(World(), trees)
    w = SignedWorld()
    follow = await follower(w, trees, keyring=RING).start()
    learn = await student(w, trees, keyring=RING).start()
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    assert isinstance(await load(w), BadInput), "without the key it is not even opened"
    assert not isinstance(await load(w, RING), BadInput)
    assert course(await student(w, trees, keyring=RING).start()).learned == 40
    with pytest.raises(Died, match="what was learned for offers"):
        await student(w, trees, keyring=OTHER).start()
