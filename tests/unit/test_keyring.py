"""Signatures of control records: who signed, for which place, when, and with a key that counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import BadSetting
from streams.keyring import SKEW_MS, Key, Keyring, Refusal, load_keyring

OLD = Key("2026-q3", b"a" * 32, None)
NEW = Key("2026-q4", b"b" * 32, None)
AT_MS = 1_772_442_000_000
SIGNED: dict[str, Any] = {"place": ("log", 0), "key": b"\x00tick", "value": b'{"v":1}'}


def sign(*keys: Key) -> bytes:
    return Keyring(keys).sign("log", 0, SIGNED["key"], SIGNED["value"], AT_MS)


def check(signature: bytes | None, *keys: Key, **changes: Any) -> Refusal | None:
    return Keyring(keys).check(signature, **{**SIGNED, "appended_ms": AT_MS + 5, **changes})


def test_a_new_key_is_made_known_then_signs_then_stands_alone() -> None:
    """Each worker reads what the others sign, at each step of the way."""
    before, known, turned, after = (OLD,), (OLD, NEW), (NEW, OLD), (NEW,)
    for here, there in ((before, known), (known, turned)):
        assert check(sign(*here), *there) is check(sign(*there), *here) is None
    assert check(sign(*turned), *after) is None
    assert check(sign(*before), *after) is Refusal.UNKNOWN_KEY


@pytest.mark.parametrize(
    "moved",
    [
        {"place": ("log", 1)},
        {"place": ("another", 0)},
        {"key": b"\x00rules"},
        {"value": b'{"v":2}'},
    ],
)
def test_what_was_signed_for_one_record_is_none_for_another(moved: dict[str, Any]) -> None:
    assert check(sign(OLD), OLD, **moved) is Refusal.FORGED


def test_no_byte_wanders_from_one_field_to_the_next() -> None:
    assert check(sign(OLD), OLD, key=b"\x00tick{", value=b'"v":1}') is Refusal.FORGED


def test_a_copy_counts_no_longer_than_the_skew() -> None:
    signature = sign(OLD)
    assert check(signature, OLD, appended_ms=AT_MS + SKEW_MS) is None
    assert check(signature, OLD, appended_ms=AT_MS + SKEW_MS + 1) is Refusal.OLD
    assert check(signature, OLD, appended_ms=AT_MS - SKEW_MS - 1) is Refusal.OLD
    younger = signature.replace(b"%d" % AT_MS, b"%d" % (AT_MS + SKEW_MS))
    assert check(younger, OLD, appended_ms=AT_MS + SKEW_MS + 1) is Refusal.FORGED


def test_a_stolen_key_ends_and_what_it_signed_before_stands() -> None:
    ended = OLD._replace(until_ms=AT_MS + 100)
    assert check(sign(OLD), ended, appended_ms=AT_MS + 99) is None
    assert check(sign(OLD), ended, appended_ms=AT_MS + 100) is Refusal.KEY_ENDED


@pytest.mark.parametrize(
    "signature", [b"", b"1.k", b"2.2026-q3.5." + b"0" * 64, b"\xff" * 90, b"1.a.b.c" * 1000]
)
def test_what_is_no_signature_is_said_to_be_none(signature: bytes) -> None:
    assert check(signature, OLD) is Refusal.MALFORMED
    assert check(None, OLD) is Refusal.UNSIGNED


def test_a_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    secrets = OLD.secret.hex(), NEW.secret.hex()
    file.write_text(
        f"# since October\n2026-q4 {secrets[1]}\n\n"
        f"2026-q3 {secrets[0]} until 2026-03-02T09:00:00Z  # stolen\n"
    )
    ring = load_keyring(file)
    assert ring is not None
    assert check(ring.sign("log", 0, SIGNED["key"], SIGNED["value"], AT_MS), NEW) is None
    ended = ring.check(sign(OLD), **SIGNED, appended_ms=AT_MS)
    assert ended is Refusal.KEY_ENDED
    assert load_keyring(None) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no key"),
        ("k1 abcd", ":1: expected a key"),
        ("k1 " + "m4rked" * 20, ":1: expected a key"),
        ("k1 " + "ab" * 32 + " until tomorrow", ":1: expected a key"),
        ("k1 " + "ab" * 32 + " until 2026-03-02T09:00:00", ":1: expected a key"),
        ("k1 " + "a" * 65, ":1: expected a key"),
        ("k1 " + "ab" * 32 + "\nk1 " + "cd" * 32, ":2: the key id k1 is there twice"),
    ],
)
def test_a_wrong_file_is_told_by_line_and_never_shown(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(BadSetting) as refused:
        load_keyring(file)
    assert f"{file}{told}" in str(refused.value) or told in str(refused.value)
    assert not any(word in str(refused.value) for word in ("m4rked", "abab"))


def test_a_file_that_is_not_there_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="PATHLINE_CONTROL_KEY_FILE"):
        load_keyring(tmp_path / "none")
