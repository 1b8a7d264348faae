"""Files as streams of bytes, gzip and zstd unpacked on the way; how far they are read is known.

Below the readers. What a file is, its first bytes tell, not its name.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from models.errors import BadSetting

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
BROKEN = (EOFError, OSError, zlib.error)  # what a damaged file raises while it is read
PACKED = (".gz", ".zst")


class Source:
    """A file of the input. done: bytes of it that were read, for the progress."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw: IO[bytes] | None = None
        self._done = 0
        try:
            self.total = path.stat().st_size
        except OSError as error:
            raise BadSetting(f"{path} cannot be read: {error.strerror}") from None
        if not path.is_file():
            raise BadSetting(f"{path} is not a file")

    @property
    def name(self) -> str:
        """Without folder and packing: what events of it are called by."""
        return plain_name(self.path)

    @property
    def done(self) -> int:
        return self._raw.tell() if self._raw else self._done

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Its bytes, unpacked. Raises BadSetting when it cannot be opened."""
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise BadSetting(f"{self.path} cannot be read: {error.strerror}") from None
        with raw:
            self._raw, head = raw, raw.peek(len(ZSTD))
            try:
                yield _unpacked(raw, head)
            finally:
                self._done, self._raw = raw.tell(), None

    def moved(self, share: float) -> None:
        """For formats that are not read from front to back: so much of it is done, 0 to 1."""
        self._done = round(self.total * share)


def _unpacked(raw: IO[bytes], head: bytes) -> IO[bytes]:
    if head.startswith(GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if head.startswith(ZSTD):
        import pyarrow  # takes longer to import than many a run, and few need it

        stream: Any = pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, "r"), "zstd")
        return io.BufferedReader(stream)
    return raw


def plain_name(path: Path) -> str:
    """Its name without `.gz` or `.zst`.

    >>> plain_name(Path("data/loans.csv.gz"))
    'loans.csv'
    """
    return path.stem if path.suffix in PACKED else path.name
