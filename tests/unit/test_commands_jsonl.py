"""Files of CloudEvents: which lines can be sent, and what is told of the others."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import IO, cast

import msgspec
import pytest

from models.errors import BadSetting
from streams.codec import RawLimits
from streams.jsonl import BadLine, Line, open_lines, read_lines

NOW_MS = 1_772_442_000_000  # 2026-03-02T09:00:00Z
LIMITS = RawLimits(bytes_max=1_000, skew_ms=1_000)
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "//test",
    "type": "page.viewed",
    "time": "2026-03-02T09:00:00Z",
    "subject": "株式会社",
}


def line(**changes: object) -> bytes:
    return msgspec.json.encode({k: v for k, v in (EVENT | changes).items() if v is not None})


def read(*lines: bytes) -> list[Line | BadLine]:
    return list(read_lines(io.BytesIO(b"\n".join(lines)), LIMITS, NOW_MS))


def test_a_line_is_sent_as_it_is_under_its_account() -> None:
    text = b'{ "future":1, ' + line()[1:]
    assert read(b"  " + text + b" \r") == [Line(1, "株式会社".encode(), text)]


def test_blank_lines_count_but_say_nothing() -> None:
    assert [found.number for found in read(b"", line(), b"  ", line(id="2"))] == [2, 4]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"nonsense", "not_json"),
        (b'"text"', "not_an_object"),
        (b"\xff", "bad_utf8"),
        (line(id=None), "missing_field"),
        (line(subject=None), "no_account"),
        (line(time="2026-03-02T09:00:00"), "no_time_zone"),
        (line(time="2026-03-02T09:00:02Z"), "time_in_future"),
        (line(type="PageViewed"), "invalid_type"),
        (line(data={"text": "x" * 1_000}), "too_large"),
    ],
)
def test_a_line_that_the_worker_would_reject_is_told_and_the_next_is_read(
    bad: bytes, reason: str
) -> None:
    told, good = read(bad, line())
    assert isinstance(told, BadLine)
    assert (told.number, told.reason) == (1, reason)
    assert isinstance(good, Line)


def test_gzip_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "a.gz", tmp_path / "b.jsonl"
    plain.write_bytes(line())
    zipped.write_bytes(gzip.compress(line()))
    for path in (plain, zipped):
        with open_lines(str(path)) as file:
            assert file.read() == line()


def test_a_damaged_gzip_is_told_after_the_lines_that_it_gave() -> None:
    lines = b"\n".join(line(id=str(number)) for number in range(100))
    damaged = io.BytesIO(gzip.compress(lines, 0)[:5_000])
    *good, last = read_lines(cast(IO[bytes], gzip.GzipFile(fileobj=damaged)), LIMITS, NOW_MS)
    assert isinstance(last, BadLine)
    assert (last.number, last.reason) == (len(good) + 1, "unreadable")
    assert len(good) > 10


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSetting, match="cannot be read"), open_lines(str(tmp_path / name)):
        pass
