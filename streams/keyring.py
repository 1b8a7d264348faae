"""The keys that control records are signed with, from a file; several, so that one can be replaced.

Beside the data path. HMAC-SHA256, since whoever verifies also signs: every worker ticks, so a pair
of keys would protect nobody, and this needs no library. What is signed binds topic, partition,
instant, key and value.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from models.errors import BadSetting
from models.event import to_ms
from streams.clock import Clock
from streams.job import Headers

HEADER = "pathline-signature"
DOMAIN = b"pathline control record 1"
SKEW_MS = 300_000  # between signing and append; a copy of a record counts no longer than that
SIGNATURE = re.compile(rb"1\.([A-Za-z0-9_-]{1,32})\.([0-9]{1,15})\.([0-9a-f]{64})")
LINE = re.compile(r"([A-Za-z0-9_-]{1,32})\s+([0-9a-fA-F]{64,})(?:\s+until\s+(\S+))?")


class Refusal(StrEnum):
    """Why a control record does not count; the label of its metric."""

    UNSIGNED = "unsigned"
    MALFORMED = "malformed_signature"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "wrong_signature"
    OLD = "appended_long_after_signed"
    KEY_ENDED = "key_ended"


class Key(NamedTuple):
    """until_ms: nothing that was appended from then on counts; None: no end."""

    id: str
    secret: bytes
    until_ms: int | None


class Keyring:
    """The first key signs, all verify.

    >>> ring = Keyring([Key("k1", b"s" * 32, None)])
    >>> signature = ring.sign("log", 0, b"\\x00tick", b"{}", at_ms=5)
    >>> ring.check(signature, ("log", 0), b"\\x00tick", b"{}", appended_ms=9) is None
    True
    >>> ring.check(signature, ("log", 1), b"\\x00tick", b"{}", appended_ms=9)
    <Refusal.FORGED: 'wrong_signature'>
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._first = keys[0]
        self._keys: Mapping[bytes, Key] = {key.id.encode(): key for key in keys}

    def sign(self, topic: str, partition: int, key: bytes, value: bytes, at_ms: int) -> bytes:
        """at_ms: now, by the wall clock."""
        mac = _mac(self._first.secret, (topic, partition), at_ms, key, value)
        return b"1.%s.%d.%s" % (self._first.id.encode(), at_ms, mac.encode())

    def check(
        self,
        signature: bytes | None,
        place: tuple[str, int],
        key: bytes,
        value: bytes,
        appended_ms: int | None,
    ) -> Refusal | None:
        """None: it counts. appended_ms: by the broker; None: age says nothing here."""
        if signature is None:
            return Refusal.UNSIGNED
        if (parts := SIGNATURE.fullmatch(signature)) is None:
            return Refusal.MALFORMED
        id, at, mac = parts.groups()
        if (known := self._keys.get(id)) is None:
            return Refusal.UNKNOWN_KEY
        at_ms = int(at)
        if not hmac.compare_digest(_mac(known.secret, place, at_ms, key, value), mac.decode()):
            return Refusal.FORGED
        if appended_ms is None:
            return None
        if known.until_ms is not None and appended_ms >= known.until_ms:
            return Refusal.KEY_ENDED
        return Refusal.OLD if abs(appended_ms - at_ms) > SKEW_MS else None


class Signer:
    """Signs what an appender appends."""

    def __init__(self, keyring: Keyring, clock: Clock) -> None:
        self._keyring = keyring
        self._clock = clock

    def headers(self, topic: str, partition: int, key: bytes, value: bytes) -> Headers:
        signature = self._keyring.sign(topic, partition, key, value, self._clock.wall_ms())
        return [(HEADER, signature)]


def load_keyring(file: Path | None) -> Keyring | None:
    """The keys of a file; None: no file. Raises BadSetting, never with a secret in it."""
    if file is None:
        return None
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"PATHLINE_CONTROL_KEY_FILE={file} cannot be read: {error}") from None
    return Keyring(list(_parse_keys(file, lines)))


def _parse_keys(file: Path, lines: Iterable[str]) -> list[Key]:
    keys: dict[str, Key] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            key = _parse_key(text)
        except ValueError:
            raise BadSetting(
                f"{file}:{number}: expected a key as `id secret`, or `id secret until"
                " 2026-11-24T09:00:00Z`: the secret in hex, 32 bytes at least (`openssl rand -hex"
                " 32`)"
            ) from None
        if key.id in keys:
            raise BadSetting(f"{file}:{number}: the key id {key.id} is there twice")
        keys[key.id] = key
    if not keys:
        raise BadSetting(f"{file}: holds no key; write one as `id secret` (`openssl rand -hex 32`)")
    return list(keys.values())


def _parse_key(text: str) -> Key:
    """Raises ValueError."""
    parts = LINE.fullmatch(text)
    if parts is None:
        raise ValueError
    id, secret, until = parts.groups()
    end = datetime.fromisoformat(until) if until else None
    if end is not None and end.tzinfo is None:
        raise ValueError
    return Key(id, bytes.fromhex(secret), to_ms(end) if end else None)


def _mac(secret: bytes, place: tuple[str, int], at_ms: int, key: bytes, value: bytes) -> str:
    topic, partition = place
    fields = (DOMAIN, topic.encode(), b"%d" % partition, b"%d" % at_ms, key, value)
    message = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return hmac.digest(secret, message, "sha256").hex()
