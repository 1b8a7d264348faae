"""A copy of a changelog on disk: a prefix of the log whatever happens, or nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BadSetting, Unavailable
from streams.job import LogRecord
from streams.local_copy import (
    MARK_KEY,
    Budget,
    Changelog,
    Damaged,
    LocalCopy,
    Mark,
    open_copy,
)
from streams.shard import Batch

LOG = Changelog("an-id", 0, 1_000_000)
BUDGET = Budget()
WRITER = """
import sys
from pathlib import Path
from streams.local_copy import Budget, Changelog, open_copy
copy = open_copy(Path(sys.argv[1]), Changelog("an-id", 0, 10**9), Budget())
print("begun", flush=True)
while True:
    n = copy.next
    copy.write([(b"k%d" % (n % 500), b"%d" % n * 300), (b"last", b"%d" % n)], n + 1)
"""


def records(start: int, *pairs: tuple[bytes, bytes | None]) -> list[LogRecord]:
    return [LogRecord(offset, 0, *pair) for offset, pair in enumerate(pairs, start)]


def batch(start: int, *pairs: tuple[bytes, bytes | None], end: int | None = None) -> Batch:
    end = start + len(pairs) if end is None else end
    return Batch(records(start, *pairs), start, end, 1, 1)


def said(copy: LocalCopy) -> dict[bytes, bytes]:
    return {key: value for key, value in copy.items() if key != MARK_KEY}


def test_it_continues_the_log_and_may_overlap(tmp_path: Path) -> None:
    copy = open_copy(tmp_path / "0", LOG, BUDGET)
    copy.take(batch(0, (b"a", b"1"), (b"b", b"2"), end=3))  # 2 is a commit marker
    copy.take(batch(1, (b"a", b"older"), end=2))  # known: a must not go back
    copy.take(batch(1, (b"b", b"2"), (b"c", b"3"), (b"a", None)))  # read again from 1
    assert (said(copy), copy.next) == ({b"b": b"2"}, 4)
    copy.write([(b"c", b"4"), (b"b", None)], end=9)
    copy.close()
    again = open_copy(tmp_path / "0", LOG, BUDGET)
    assert (said(again), again.next) == ({b"c": b"4"}, 9)
    assert (again.get(b"c"), again.get(b"b")) == (b"4", None)
    again.close()


def test_a_hole_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    copy = open_copy(tmp_path / "0", LOG, BUDGET)
    copy.take(batch(0, (b"a", b"1")))
    with pytest.raises(Unavailable, match="read from 2, the copy lacks 1"):
        copy.take(batch(2, (b"a", b"3")))
    assert (said(copy), copy.next) == ({b"a": b"1"}, 1)
    copy.close()


KEYS = st.sampled_from([b"a", b"b", b"c", b"\xc3\xa9"])
STEPS = ("take", "write", "reopen")
VALUES = st.one_of(st.none(), st.binary(max_size=4))


@settings(max_examples=30, deadline=None)
@given(
    log=st.lists(st.one_of(st.none(), st.tuples(KEYS, VALUES)), max_size=30),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5))),
)
def test_it_is_a_prefix_of_the_log_whatever_is_done(
    log: list[tuple[bytes, bytes | None] | None], steps: list[tuple[str, int]]
) -> None:
    """None in the log is a marker. Steps read some records, again or not, or write what is new."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "0"
        copy = open_copy(path, Changelog("an-id", 0, len(log)), BUDGET)
        for step, size in steps:
            end = min(len(log), copy.next + size)
            if step == "reopen":
                copy.close()
                copy = open_copy(path, Changelog("an-id", 0, len(log)), BUDGET)
            elif step == "write" and end > copy.next:
                copy.write([row for row in log[copy.next : end] if row is not None], end)
            elif step == "take":
                start = max(0, copy.next - size)
                rows = [LogRecord(n, 0, *log[n]) for n in range(start, end) if log[n] is not None]  # type: ignore[misc]
                copy.take(Batch(rows, start, end, 1, 1))
            expected: dict[bytes, bytes | None] = {}
            expected.update(row for row in log[: copy.next] if row is not None)
            assert said(copy) == {k: v for k, v in expected.items() if v is not None}
        copy.close()


def test_kill_nine_at_any_moment_leaves_a_whole_copy(tmp_path: Path) -> None:
    """Each write is a record and the last one's number: both are there, or neither is."""
    chance, reached = random.Random(7), 0
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "0")], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        with writer.stdout:
            assert writer.stdout.readline() == b"begun\n"
            time.sleep(chance.uniform(0.05, 0.3))  # the moment of a death has no sign to wait for
            writer.kill()
            writer.wait()
        copy = open_copy(tmp_path / "0", Changelog("an-id", 0, 10**9), BUDGET)
        n = copy.next - 1
        assert n > reached, "the copy of before was thrown away"
        assert copy.get(b"last") == b"%d" % n
        expected = {b"k%d" % (i % 500): b"%d" % i * 300 for i in range(max(0, n - 499), n + 1)}
        assert said(copy) == expected | {b"last": b"%d" % n}
        copy.close()
        reached = n


@pytest.mark.parametrize(
    ("changelog", "why"),
    [
        (Changelog("another-id", 0, 100), "made anew since, or is another cluster's"),
        (Changelog("an-id", 0, 9), "it goes up to offset 10, the changelog ends at 9"),
        (Changelog("an-id", 11, 20), "it goes up to offset 10, the changelog begins at 11"),
    ],
)
def test_a_copy_of_another_log_is_thrown_away(
    changelog: Changelog, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = open_copy(tmp_path / "0", LOG, BUDGET)
    copy.write([(b"a", b"1")], end=10)
    copy.close()
    fresh = open_copy(tmp_path / "0", changelog, BUDGET)
    assert (said(fresh), fresh.next) == ({}, changelog.begin)
    assert why in caplog.text
    fresh.close()


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (msgspec.msgpack.encode(Mark(2, "an-id", 5)), "version 2, this release reads 1"),
        (b"\xc1", "its mark cannot be read"),
        (None, "it does not say up to where it goes"),
    ],
    ids=["a later release", "damaged", "none"],
)
def test_a_format_that_we_do_not_know_is_thrown_away(
    mark: bytes | None, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "0"
    copy = open_copy(path, LOG, BUDGET)
    copy.write([(b"a", b"1")], end=5)
    if mark is None:
        copy._db.delete(MARK_KEY)
    else:
        copy._db.put(MARK_KEY, mark)
    copy.close()
    fresh = open_copy(path, LOG, BUDGET)
    assert said(fresh) == {}
    assert why in caplog.text
    fresh.close()


def fill(path: Path) -> Path:
    """A copy in files; the largest of them."""
    copy = open_copy(path, LOG, BUDGET)
    noise = random.Random(1)
    rows = [(b"acct-%05d" % n, noise.randbytes(400)) for n in range(4_000)]
    copy.write(rows, end=4_000)
    copy._db.flush()
    copy.close()
    return max(path.glob("*.sst"), key=lambda file: file.stat().st_size)


def test_a_damaged_block_is_no_early_end(tmp_path: Path) -> None:
    """RocksDB's cursor stops there as at the end: read like that, accounts would be lost."""
    path = tmp_path / "0"
    file = fill(path)
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(100)
    file.write_bytes(content)
    copy = open_copy(path, LOG, BUDGET)
    with pytest.raises(Damaged, match="is damaged, and was removed: Corruption"):
        said(copy)
    copy.close()
    fresh = open_copy(path, LOG, BUDGET)
    assert (said(fresh), fresh.next) == ({}, 0)
    fresh.close()


@pytest.mark.parametrize("victim", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_a_copy_that_cannot_be_opened_is_thrown_away(
    victim: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "0"
    fill(path)
    next(iter(path.glob(victim))).write_bytes(b"?")
    fresh = open_copy(path, LOG, BUDGET)
    assert (said(fresh), fresh.next) == ({}, 0)
    assert "is thrown away and read anew" in caplog.text
    fresh.close()


def test_a_copy_that_somebody_else_holds_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "0"
    copy = open_copy(path, LOG, BUDGET)
    copy.write([(b"a", b"1")], end=1)
    with pytest.raises(BadSetting, match="PATHLINE_DATA_DIR needs a disk of its own"):
        open_copy(path, LOG, BUDGET)
    assert said(copy) == {b"a": b"1"}
    copy.close()


FILLER = """
import resource, signal, sys
from pathlib import Path
from models.errors import BadSetting
from streams.local_copy import Budget, Changelog, open_copy
copy = open_copy(Path(sys.argv[1]), Changelog("an-id", 0, 10**9), Budget())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    while True:
        copy.write([(b"k%d" % copy.next, b"v" * 1000)], copy.next + 1)
except BadSetting as error:
    print(copy.next, error)
"""


def test_a_full_disk_is_told_and_costs_nothing(tmp_path: Path) -> None:
    """Played as a limit on the size of a file, which needs no rights."""
    path = tmp_path / "0"
    filled = subprocess.run(
        [sys.executable, "-c", FILLER, str(path)], capture_output=True, text=True, check=True
    )
    next, words = filled.stdout.split(maxsplit=1)
    assert "cannot be used: IO error" in words
    copy = open_copy(path, Changelog("an-id", 0, 10**9), BUDGET)
    assert copy.next == int(next) > 10
    assert said(copy) == {b"k%d" % n: b"v" * 1000 for n in range(copy.next)}
    copy.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "0").write_text("a file where the folder should be")
    with pytest.raises(BadSetting, match="cannot be"):
        open_copy(tmp_path / "0", LOG, BUDGET)
