"""The side file of a run: every row and record that could not be used, with its place and reason.

Counted and kept, never silently dropped: what dead letters are to a worker.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any

import msgspec


class BadRows:
    """Makes the file with its first row. counts: by reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._file: IO[bytes] | None = None

    def add(self, place: dict[str, Any], reason: str, detail: str, raw: Any) -> None:
        """place: file and line, or topic, partition and offset. raw: what stands there."""
        if self._file is None:
            self._file = self.path.open("wb")
        self.counts[reason] += 1
        row = {**place, "reason": reason, "detail": detail, "raw": raw}
        self._file.write(msgspec.json.encode(row, enc_hook=str) + b"\n")

    def take(self, path: Path, counts: Counter[str]) -> None:
        """All that another one has written to a file of its own."""
        self.counts += counts
        if counts:
            with path.open("rb") as rows, self.path.open("ab") as file:
                copyfileobj(rows, file)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
