"""Stable identities: pure functions of the cause, so that consumers can deduplicate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import xxhash

HASH_BYTES = 8


def digest(*parts: object) -> str:
    """128 bits in hex over the parts; no two different tuples of parts are joined to the same text.

    >>> digest("a", "bc") == digest("ab", "c")
    False
    """
    text = msgspec.json.encode([str(part) for part in parts])
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def event_hash(source: str, id: str) -> bytes:
    """8 bytes that stand for an event's (source, id) among an account's remembered ids.

    >>> event_hash("//shop", "1") == event_hash("//sho", "p1")
    False
    """
    return xxhash.xxh3_64_digest(f"{len(source)}:{source}{id}".encode("utf-8", "surrogatepass"))


def canonical(values: Mapping[str, Any]) -> str:
    """Key values as one string: equal values give equal strings, in the order of the rule's `key`.

    >>> canonical({"data.ticket": "T-17"})
    '{"data.ticket":"T-17"}'
    """
    return msgspec.json.encode(values).decode()
