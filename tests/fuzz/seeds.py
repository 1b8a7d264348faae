"""Where fuzzing begins: the tables of the unit tests, the library of rules, and what was found.

`corpus/TARGET/` holds what once broke a decoder, one file each; it stays.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from models.account import Account
from models.learners import registry, snapshot
from models.learners.base import Example
from models.learners.case_features import CaseFeatures
from models.learners.challenger import Challenger
from models.learners.drift import DriftWatch
from models.learners.encoder import Encoder
from models.learners.example_record import ExampleRecord, encode_example
from models.learners.kept import Said, keep_row
from models.learners.logistic import Logistic
from models.learners.open_case import OpenCase, TaskAccount
from models.learners.trees import Trees
from rules import case_state
from rules.case_state import ScoredCase, TaskState, encode_states
from rules.loader import load
from rules.snapshot import BARE, ENVELOPE, encode_account
from streams.control import Activate, Erase, Feed, Tick, encode_control
from streams.position import Position, encode_position
from streams.settings import Settings
from tests.fuzz.targets import ASKED, CONTROL_KEYS, FEATURES, RING
from tests.unit.test_ingest import BAD, encoded
from tests.unit.test_partition import lived

CORPUS = Path(__file__).parent / "corpus"


def load_seeds(target: str) -> list[bytes]:
    """Of one target; never empty."""
    found = sorted((CORPUS / target).glob("*"))
    return [*(file.read_bytes() for file in found), *MADE[target]()]


def _events() -> list[bytes]:
    return [encoded(), *(r.value for _, r in BAD.values() if r.value and len(r.value) < 5_000)]


def _binary() -> list[bytes]:
    names = ("specversion: 1.0", "id: 1", "source: //s", "type: a.b", "subject: acme")
    lines = [*(f"ce_{name}" for name in names), "ce_time: 2026-03-02T09:00:00Z"]
    return ["\n".join(lines).replace(": ", ":").encode() + b'\n\n{"page": "price"}']


def _controls() -> list[bytes]:
    feed = Feed(feed="crm", max_stale_ms=1, stale=True)
    each = (Tick(clock_ms=5), Activate(digest="d"), feed, Erase(account="acme"))
    rows = map(encode_control, each)
    return [bytes([CONTROL_KEYS.index(key)]) + value for key, value in rows]


def _rules() -> list[bytes]:
    return [file.read_bytes() for file in sorted(Settings().rules.rglob("*.yml"))]


def _calendars() -> list[bytes]:
    return [file.read_bytes() for file in sorted(Settings().calendars.rglob("*.yml"))]


def _content() -> list[bytes]:
    return [load(Settings().rules, Settings().calendars).content]


def _conditions() -> list[bytes]:
    texts = (
        'data.page == "price" && data.dwell_s > 180',
        'data.tags.exists(t, t.startsWith("a")) || has(data.nested.n)',
        "data.nested.n.map(x, x * 2.0).all(y, y > 1.0) ? 1 : size(data.page)",
        'timestamp("2026-03-02T09:00:00Z") - time < duration("3h")',
        'data.page.matches("^p(r|q)*$") && !(-data.dwell_s in [1, 2u, 3.5, b"x", null])',
        '{"a": [1, 2]}["a"][0] == int("7") % 3',
    )
    return [text.encode() for text in texts]


def _accounts() -> list[bytes]:
    """As this release writes them; and as the first one did, with no checksum in the way."""
    accounts = Account("acme"), *lived().partition.accounts.values()
    ours = [encode_account(account) for account in accounts]
    return ours + [bytes([BARE]) + data[ENVELOPE.begins :] for data in ours]


def _positions() -> list[bytes]:
    return [encode_position(Position(7, {"digest": "d", "clock": 5}), clock=5)]


def _signatures() -> list[bytes]:
    return [RING.sign("another", 0, b"\x00tick", b"{}", at_ms=5)]


def _alerts() -> list[bytes]:
    alert = {"state": "firing", "step": "due", "severity": "error", "rule": {"id": "r"}}
    alert |= {"account": "acme", "occurred_at": "2026-03-02T09:00:00Z", "why": "because"}
    return [json.dumps(alert).encode(), b'{"replayed":[[0,7]],"v":1}', encoded()]


EXAMPLES = [Example(str(case), (ASKED,) * (1 + case), case % 2, case) for case in range(4)]


def _models() -> list[bytes]:
    return [_model("logistic"), _model("challenger"), _model("mean")]


def _model(learner: str) -> bytes:
    encoder = Encoder(FEATURES)
    model = snapshot.Model(encoder, registry.make(learner, encoder.schema))
    for example in EXAMPLES:
        rows = tuple(encoder.encode(row) for row in example.rows)
        seen = Example(example.case, rows, example.label, example.matured_at)
        model.learner.learn_case(seen)
        encoder.learn_case(seen)
    return snapshot.seal(model, "task", 1, learner)


def _sealed_models() -> list[bytes]:
    return [sealed[len(snapshot.MAGIC) + snapshot.CHECK_BYTES :] for sealed in _models()]


def _encoders() -> list[bytes]:
    encoder = Encoder(FEATURES)
    for example in EXAMPLES:
        encoder.learn_case(example)
    return [Encoder(FEATURES).dump(), encoder.dump()]


def _learners() -> list[bytes]:
    found = []
    for letter, made in ((b"l", Logistic(FEATURES)), (b"c", Challenger(FEATURES))):
        found.append(letter + made.dump())
        for example in EXAMPLES:
            made.learn_case(example)
        found.append(letter + made.dump())
    return found


def _trees() -> list[bytes]:
    """A stump."""
    whole, half = np.int32([0, 1, 2]), np.array([0.1, -1, 1.2])
    left, right = np.int32([1, 1, 2]), np.int32([2, 1, 2])
    stump = Trees(2, 0.5, whole[:1], np.int32([1, 0, 0]), half, left, right, half,
                  np.uint8([1, 0, 0]))  # fmt: skip
    return [stump.dump()]


def _drifts() -> list[bytes]:
    watch = DriftWatch(FEATURES)
    for case in range(3):
        watch.advance(0.5, ASKED.values, case)
    return [watch.dump()]


def _examples() -> list[bytes]:
    both = Said("logistic@3", 0.5), Said("mean@4", 0.4, shadow=True)
    spoken = [both, (Said("mean", 0.4),), (Said("mean@x", 0.4),), (Said("mean@4", 7.0),)]
    return [
        encode_example(
            ExampleRecord(1, "task", "case", FEATURES.hash, 5, 1, 9, (keep_row(ASKED, said),) * 2)
        )
        for said in spoken
    ]


def _cases() -> list[bytes]:
    """Without their front: the target puts one before them."""
    features = CaseFeatures(5, 9, events=2)
    account = TaskAccount(cases={"{}": OpenCase("case", 5, 99, features)})
    scored = {"case": ScoredCase(5, [keep_row(ASKED)], 0.5, True)}
    states = {"task": TaskState("stamp", account, scored)}
    return [encode_states(each)[case_state.ENVELOPE.begins :] for each in ({}, states)]


MADE = {
    "structured": _events,
    "binary": _binary,
    "control": _controls,
    "yaml": _rules,
    "rule": _rules,
    "content": _content,
    "calendar": _calendars,
    "condition": _conditions,
    "account": _accounts,
    "position": _positions,
    "signature": _signatures,
    "letters": _alerts,
    "note": lambda: [b'{"crm":5,"mail":2}'],
    "alert": _alerts,
    "model": _models,
    "sealed_model": _sealed_models,
    "encoder": _encoders,
    "learner": _learners,
    "trees": _trees,
    "drift": _drifts,
    "example": _examples,
    "cases": _cases,
}
