"""A copy of one changelog partition on disk: a RocksDB that is never ahead of the log.

Beside the table. What is written, and up to which offset, is one write batch, so whatever kills the
process leaves a copy of the log as it was at some moment. A copy is a saving, never an authority:
one that does not belong to the log, or is damaged, is thrown away and read anew.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
)

from models.errors import BadSetting, Unavailable
from streams.shard import Batch

log = logging.getLogger(__name__)

VERSION = 1
MARK_KEY = b"\0copy"  # no account id begins with NUL
CACHE_BYTES = 8 * 2**20  # all copies of a table; they are read from end to end
BUFFER_BYTES = 64 * 2**20  # all copies of a table: written, and not in a file yet
OPEN_FILES_MAX = 128  # of a copy


class Mark(msgspec.Struct, frozen=True):
    """Up to where the copy goes. v: of the format. topic: the id of its changelog. next: offset of
    the first record that it lacks.
    """

    v: int
    topic: str
    next: int


class Changelog(NamedTuple):
    """A changelog partition as Kafka tells it. topic: its id. begin, end: offsets; end is one past
    the last record.
    """

    topic: str
    begin: int
    end: int


class Budget:
    """What all copies of a table share, so that their number costs no memory."""

    def __init__(self) -> None:
        self.buffer = WriteBufferManager(BUFFER_BYTES, False)
        self.cache = Cache(CACHE_BYTES)

    def options(self) -> Options:
        """Of one copy."""
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_manager(self.buffer)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_max_open_files(OPEN_FILES_MAX)
        options.set_keep_log_file_num(2)
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self.cache)
        options.set_block_based_table_factory(blocks)
        return options


def open_copy(path: Path, changelog: Changelog, budget: Budget) -> LocalCopy:
    """The copy at `path`, or an empty one in its place when it cannot be trusted.

    Raises BadSetting when the disk refuses, or another process holds it.
    """
    if path.exists():
        try:
            copy = LocalCopy(path, budget)
            if (fault := find_fault(copy.mark, changelog)) is None:
                return copy
            copy.close()
        except Damaged as error:
            fault = str(error)
        log.warning("the copy in %s is thrown away and read anew: %s", path, fault)
        _remove(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{path.parent} cannot be made: {error.strerror}") from None
    copy = LocalCopy(path, budget)
    copy.begin(changelog)
    return copy


def find_fault(mark: Mark | None, changelog: Changelog) -> str | None:
    """Why a copy with this mark is no copy of the changelog as it is; None: it may go on.

    >>> find_fault(Mark(1, "a", 7), Changelog("a", 0, 7))
    >>> find_fault(Mark(1, "a", 7), Changelog("a", 0, 6))
    'it goes up to offset 7, the changelog ends at 6'
    """
    if mark is None:
        return "it does not say up to where it goes"
    if mark.v != VERSION:
        return f"its format is version {mark.v}, this release reads {VERSION}"
    if mark.topic != changelog.topic:
        return "the changelog was made anew since, or is another cluster's"
    if mark.next > changelog.end:
        return f"it goes up to offset {mark.next}, the changelog ends at {changelog.end}"
    if mark.next < changelog.begin:
        return f"it goes up to offset {mark.next}, the changelog begins at {changelog.begin}"
    return None


class Damaged(Unavailable):
    """The copy cannot be read, and is gone: who starts again reads the changelog from its start."""


class LocalCopy:
    """mark: up to where it goes; None in one that was never begun.

    Its methods raise Damaged, and BadSetting when the disk refuses.
    """

    def __init__(self, path: Path, budget: Budget) -> None:
        self._path = path
        with self._guarded():
            self._db = Rdict(str(path), budget.options())
            mark = self._db.get(MARK_KEY)
        self.mark: Mark | None = None
        if mark is not None:
            try:
                self.mark = msgspec.msgpack.decode(mark, type=Mark)
            except msgspec.MsgspecError as error:
                self.close()
                raise Damaged(f"its mark cannot be read: {error}") from None

    @property
    def next(self) -> int:
        """Offset of the first record that it lacks."""
        assert self.mark is not None, "a copy is begun before it is used"
        return self.mark.next

    def begin(self, changelog: Changelog) -> None:
        """An empty copy, of this changelog."""
        self.mark = Mark(VERSION, changelog.topic, changelog.begin)
        self._write((), changelog.begin)

    def take(self, batch: Batch) -> None:
        """What was read of the changelog; it must continue the copy, though it may overlap."""
        if batch.start > self.next:
            raise Unavailable(
                f"{self._path}: the changelog was read from {batch.start}, the copy lacks"
                f" {self.next}; it is read from there when the worker starts again"
            )
        if batch.end > self.next:
            lacking = (r for r in batch.records if r.offset >= self.next)
            self._write(((r.key or b"", r.value) for r in lacking), batch.end)

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], end: int) -> None:
        """What we have committed ourselves, all that there is up to `end`."""
        assert end > self.next, (end, self.next)
        self._write(changes, end)

    def _write(self, changes: Iterable[tuple[bytes, bytes | None]], next: int) -> None:
        assert self.mark is not None
        mark, batch = msgspec.structs.replace(self.mark, next=next), WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(MARK_KEY, msgspec.msgpack.encode(mark))
        with self._guarded():
            self._db.write(batch)
        self.mark = mark

    def get(self, key: bytes, /) -> bytes | None:
        with self._guarded():
            value: bytes | None = self._db.get(key)
        return value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of it, its own mark too. A cursor ends early at a damaged block: so it is asked."""
        with self._guarded():
            cursor = self._db.iter()
            cursor.seek_to_first()
            while cursor.valid():
                yield cursor.key(), cursor.value()
                cursor.next()
            cursor.status()

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """RocksDB's errors, which are all of one class, as ours."""
        try:
            yield
        except Exception as error:
            if type(error) is not Exception:
                raise
            words = str(error)
            if words.startswith("Corruption"):
                _remove(self._path)
                raise Damaged(f"{self._path} is damaged, and was removed: {words}") from None
            raise BadSetting(
                f"{self._path} cannot be used: {words}. PATHLINE_DATA_DIR needs a disk of its own"
                " for this worker, with room for its accounts."
            ) from None


def _remove(path: Path) -> None:
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as error:
        raise BadSetting(f"{path} cannot be removed: {error.strerror}; remove it") from None
