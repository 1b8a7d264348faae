"""State as bytes on disk: a version, a checksum, a front that is cheap to read, and what it holds.

Around the accounts (snapshot.py) and their cases (case_state.py), so that who opens a partition
looks at fronts alone, and damage is told then, not when something wakes.
"""

from __future__ import annotations

from struct import Struct
from typing import Any
from zlib import crc32

from models.errors import Unavailable

_CHECKED = slice(5, None)  # behind version and checksum


class Envelope:
    """version: of what it holds, 1 to 255. front: its fields in the letters of `struct`. what: name
    of the state, for the message. begins: where the payload does.

    >>> letter = Envelope(1, "q", "a letter")
    >>> sealed = letter.seal((7,), b"dear")
    >>> letter.open(sealed), bytes(sealed[letter.begins :])
    ((7,), b'dear')
    """

    def __init__(self, version: int, front: str, what: str) -> None:
        self.version = version
        self.what = what
        self._front = Struct(f">BI{front}")
        self.begins = self._front.size

    def seal(self, front: tuple[int, ...], payload: bytes) -> bytes:
        """The whole."""
        data = bytearray(self._front.pack(self.version, 0, *front) + payload)
        data[1:5] = crc32(memoryview(data)[_CHECKED]).to_bytes(4)
        return bytes(data)

    def open(self, data: bytes) -> tuple[Any, ...]:
        """The front.

        Raises Unavailable for a version of a later release, since an older worker must not guess,
        and ValueError for bytes that nobody wrote.
        """
        version = data[0] if data else 0
        if version > self.version:
            raise Unavailable(
                f"{self.what} has version {version}, this release reads {self.version}:"
                " start the release that wrote it, or a later one"
            )
        if version != self.version or len(data) < self.begins:
            raise ValueError("it has no front")
        _, checksum, *front = self._front.unpack_from(data)
        if crc32(memoryview(data)[_CHECKED]) != checksum:
            raise ValueError("its checksum does not fit")
        return tuple(front)
