"""Records as people and programs read them: every kind has its line, and no record breaks it."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec
import pytest
from aiokafka import ConsumerRecord

from streams.control import Tick, encode_control
from streams.reader import Stored
from streams.record_text import record_json, record_text

ALERT = {
    "schema": "pathline.alert.v1",
    "state": "firing",
    "step": "due",
    "severity": "error",
    "account": "acme",
    "rule": {"id": "contract.reply", "version": "1.0.0"},
    "occurred_at": "2026-03-02T11:00:00Z",
    "why": "No answer.",
    "a_field_of_tomorrow": 1,
}


def record(
    value: bytes | None,
    key: bytes | None = b"acme",
    headers: Sequence[tuple[str, bytes]] = (),
) -> Stored:
    return ConsumerRecord(
        topic="t", partition=1, offset=7, timestamp=1_772_442_000_000, timestamp_type=1,
        key=key, value=value, checksum=None, serialized_key_size=0, serialized_value_size=0,
        headers=headers,
    )  # fmt: skip


def shown(*args: object, **kwargs: object) -> str:
    return str(record_text(record(*args, **kwargs)))  # type: ignore[arg-type]


def test_an_alert_tells_state_rule_account_and_why() -> None:
    line = shown(msgspec.json.encode(ALERT))
    assert line == "2026-03-02 11:00:00  firing    error    contract.reply  acme  No answer."


def test_a_control_record_tells_its_name() -> None:
    key, value = encode_control(Tick(clock_ms=5))
    line = shown(value, key)
    assert line == f"2026-03-02 09:00:00  control   tick  {value.decode()}"


def test_a_dead_letter_tells_reason_and_origin() -> None:
    told = {"topic": "raw", "partition": "3", "offset": "9", "reason": "not_json", "message": "m"}
    headers = [(f"dead.{name}", text.encode()) for name, text in told.items()]
    line = shown(b"{", b"acme", headers)
    assert line == "2026-03-02 09:00:00  dead      not_json  raw[3]@9  acme  m"


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff\xfe", b"[]", b"null", b"{}", b'{"state":1}', b"[" * 10_000]
)
def test_whatever_a_record_holds_it_has_a_line(value: bytes | None) -> None:
    assert "  record    acme  " in shown(value)


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x9b31m", "\r\n", "\u202e", "[bold]"])
def test_what_a_customer_sends_cannot_steer_the_terminal(evil: str) -> None:
    lines = [
        shown(evil.encode(), evil.encode()),
        shown(msgspec.json.encode(ALERT | {"why": evil, "account": evil})),
        shown(b"{", b"k", [("dead.reason", b"r"), ("dead.message", evil.encode())]),
    ]
    assert all(line.isprintable() for line in lines)


def test_a_long_value_is_cut() -> None:
    assert len(shown(b"x" * 100_000)) < 400


def test_for_programs_json_stays_json_and_bytes_are_not_lost() -> None:
    good = record_json(record(b'{"a":1}', headers=[("n", b"v")]))
    assert (good["key"], good["value"], good["headers"]) == (
        "acme",
        {"a": 1},
        [{"name": "n", "value": "v"}],
    )
    bad = record_json(record(b"\xff{", b"\xff"))
    assert base64.b64decode(bad["value_base64"]) == b"\xff{"
    assert base64.b64decode(bad["key_base64"]) == b"\xff"
    msgspec.json.encode([good, bad])
