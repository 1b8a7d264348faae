"""What reads bytes from outside, as one registry: each target takes any bytes and ends well.

Ending well is a value, or an error of ours that says what to do; anything else is a finding.
Hypothesis (test_decoders.py) and atheris (__main__.py, `make fuzz`) drive the same targets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from aiokafka import ConsumerRecord
from msgspec import MsgspecError

from models.errors import BadInput, BadRule, BadSetting, Unavailable
from models.event import Event
from models.learners import snapshot
from models.learners.base import Authenticated, Row, Schema
from models.learners.challenger import Challenger
from models.learners.drift import DriftWatch
from models.learners.encoder import Encoder
from models.learners.example_record import example_of, parse_example
from models.learners.logistic import Logistic
from models.learners.roster import compare
from models.learners.trees import Trees
from rules.case_state import ENVELOPE, decode_states, encode_states
from rules.cel.errors import ConditionError
from rules.condition import compile_condition
from rules.loader import parse
from rules.snapshot import DAMAGED, decode_account, encode_account
from rules.yaml_text import parse_document
from streams.codec import RawLimits, encode_event, parse_event, parse_raw
from streams.control import KEYS, encode_control, parse_control
from streams.dead_letters import parse_note
from streams.erasure import _is_of
from streams.feed_watch import newest
from streams.keyring import Key, Keyring
from streams.position import decode_position, encode_position
from streams.record_text import dead_text, record_json, record_text

LIMITS = RawLimits(bytes_max=12_000_000, skew_ms=300_000)
NOW_MS = 1_772_442_000_000  # 2026-03-02T09:00Z
RING = Keyring([Key("k1", b"s" * 32, None)])
CONTROL_KEYS = [*KEYS.values(), b"\x00", b"\x00none", b"\x00\xff"]
FEATURES = Schema(("hour", "amount"), ("team",))
ASKED = Row(np.array([9.5, np.nan], np.float32), ("blue",), "task", "case", NOW_MS)
EVENTS = [
    {"page": "price", "dwell_s": 200, "tags": ["a", "b"] * 50, "nested": {"n": [1.5, None, True]}},
    {"dwell_s": 10**30, "page": "\U0001f600" * 100, "tags": {str(n): n for n in range(200)}},
    {},
]


class Target(NamedTuple):
    """run: any bytes. errors: ours, that may come out. seeds: of its corpus, beside the folder."""

    run: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = ()

    def check(self, data: bytes) -> None:
        """Raises what must not come out."""
        with suppress(*self.errors):
            self.run(data)


def record(value: bytes, key: bytes | None = b"acme", headers: Any = ()) -> Any:
    """As aiokafka hands it over, as far as anyone looks at it."""
    sizes = len(key or b""), len(value)
    return ConsumerRecord("raw", 0, 7, NOW_MS, 1, key, value, None, *sizes, tuple(headers))


def structured(data: bytes) -> None:
    event = parse_raw(record(data), LIMITS)
    again = parse_event(encode_event(event), 7)
    assert (again.id, again.subject, again.data) == (event.id, event.subject, event.data)
    again.subject.encode()


def binary(data: bytes) -> None:
    """Lines `name: value` until an empty one, then the body."""
    head, _, body = data.partition(b"\n\n")
    pairs = (line.partition(b":") for line in head.split(b"\n"))
    headers = [(name.decode("latin-1"), value) for name, _, value in pairs]
    event = parse_raw(record(body, headers=headers), LIMITS)
    parse_event(encode_event(event), 7)


def control(data: bytes) -> None:
    """The first byte chooses the key."""
    key = CONTROL_KEYS[data[0] % len(CONTROL_KEYS)] if data else b"\x00tick"
    read = parse_control(key, data[1:])
    assert parse_control(*encode_control(read)) == read


def yaml(data: bytes) -> None:
    """A rule file: every fault is told, none is raised; what is read is JSON and again the same."""
    document, faults = parse_document(data.decode("utf-8", "replace"), "fuzz.yml")
    assert all(fault.line >= 1 and fault.column >= 1 for fault in faults)
    if not faults:
        json.dumps(document.value)


def rule(data: bytes) -> None:
    """A rule file as far as its rule goes: through the grammar and the checks of sense."""
    document, faults = parse_document(data.decode("utf-8", "replace"), "fuzz.yml")
    if not faults:
        content = {"v": 1, "rules": [document.value], "calendars": []}
        parse(json.dumps(content).encode())


def calendar(data: bytes) -> None:
    document, faults = parse_document(data.decode("utf-8", "replace"), "fuzz.yml")
    if not faults:
        parse(json.dumps({"v": 1, "rules": [], "calendars": [document.value]}).encode())


def condition(data: bytes) -> None:
    compiled = compile_condition(data.decode("utf-8", "surrogatepass"))
    for fields in EVENTS:
        event = Event(
            specversion="1.0", id="1", source="//s", type="a.b", subject="acme", data=fields,
            time=datetime(2026, 3, 2, tzinfo=UTC), at=NOW_MS,
        )  # fmt: skip
        assert compiled(event) is (compiled.verdict(event).reason == "matched")


def account(data: bytes) -> None:
    encode_account(decode_account(data))


def position(data: bytes) -> None:
    encode_position(decode_position(data), 0)


def signature(data: bytes) -> None:
    refusal = RING.check(data, ("log", 0), b"\x00tick", b"{}", NOW_MS)
    assert refusal is not None, "nobody guesses one"


def letters(data: bytes) -> None:
    """A dead letter or its note, read and shown. The first line is a header."""
    head, _, body = data.partition(b"\n")
    shown = record(body, key=head, headers=[("dead.reason", head), ("dead.offset", body[:9])])
    for text in (dead_text(shown).plain, record_text(record(body)).plain):
        assert text.isprintable(), "nothing steers a terminal"
    json.dumps(record_json(shown))
    parse_note(body)


def note(data: bytes) -> None:
    newest([data.decode("utf-8", "replace")])


def alert(data: bytes) -> None:
    _is_of(data, "acme", 0, 9)


def model(data: bytes) -> None:
    snapshot.load(Authenticated(data), "task", FEATURES.hash)


def sealed_model(data: bytes) -> None:
    """The same with a checksum that fits; without what only a signature guards (pickle)."""
    if b"adaptive" in data:
        return
    whole = snapshot.MAGIC + snapshot._check(data) + data
    _, loaded = snapshot.load(Authenticated(whole), "task", FEATURES.hash)
    row = loaded.encoder.encode(ASKED)
    assert 0 <= loaded.learner.predict_many([row])[0] <= 1
    loaded.learner.reasons(row, 3)


def encoder(data: bytes) -> None:
    loaded = Encoder.load(data)
    if loaded.raw == FEATURES:
        assert len(loaded.encode(ASKED).values) == len(loaded.schema.names)


def learner(data: bytes) -> None:
    """The first byte chooses which; what is loaded answers, and is written again."""
    loaded = (Challenger.load, Logistic.load)[data[:1] == b"l"](data[1:])
    loaded.dump()
    if loaded.schema_hash == FEATURES.hash:
        assert 0 <= loaded.predict_many([ASKED])[0] <= 1


def trees(data: bytes) -> None:
    loaded = Trees.load(data)
    if loaded.features == len(ASKED.values):
        assert np.isfinite(loaded.log_odds(ASKED.values[np.newaxis])).all()


def example(data: bytes) -> None:
    """Read, inflated and learned from by whoever reads the examples."""
    record = parse_example(data)
    rows = example_of(record, len(ASKED.values)).rows
    assert all(row.values.shape == ASKED.values.shape for row in rows)
    compare([record], "logistic", "mean")


def cases(data: bytes) -> None:
    """As they are; and with a checksum that fits."""
    with suppress(ValueError, Unavailable, MsgspecError):
        decode_states(data)
    whole = bytearray(encode_states({})[: ENVELOPE.begins] + data)
    whole[1:5] = crc32(memoryview(whole)[5:]).to_bytes(4)
    assert isinstance(encode_states(decode_states(bytes(whole))), bytes)


TARGETS: Mapping[str, Target] = {
    "structured": Target(structured, (BadInput,)),
    "binary": Target(binary, (BadInput,)),
    "control": Target(control, (BadInput,)),
    "yaml": Target(yaml),
    "rule": Target(rule, (BadRule,)),
    "content": Target(parse, (BadRule,)),
    "calendar": Target(calendar, (BadRule,)),
    "condition": Target(condition, (ConditionError, UnicodeDecodeError)),
    "account": Target(account, (*DAMAGED, Unavailable)),
    "position": Target(position, (BadSetting, Unavailable)),
    "signature": Target(signature),
    "letters": Target(letters),
    "note": Target(note),
    "alert": Target(alert),
    "model": Target(model, (BadInput,)),
    "sealed_model": Target(sealed_model, (BadInput,)),
    "encoder": Target(encoder, (BadInput,)),
    "learner": Target(learner, (BadInput,)),
    "trees": Target(trees, (BadInput,)),
    "drift": Target(DriftWatch.load, (BadInput,)),
    "example": Target(example, (BadInput,)),
    "cases": Target(cases, (ValueError, MsgspecError)),
}
