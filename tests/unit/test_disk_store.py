"""The table on disk, between Faust, the checkpoint and its copies; no Kafka."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
from faust.events import Event
from faust.types import TP, ConsumerMessage

from models.errors import BadSetting, Unavailable
from streams.checkpoint import BROKEN
from streams.disk_store import DiskStore, lock_folder
from streams.faust_app import make_app
from streams.job import LogRecord
from streams.local_copy import LocalCopy
from streams.metrics import Metrics
from streams.position import position_key
from streams.runtime import REFUSED
from streams.settings import Settings
from streams.shard import Batch
from streams.table import BatchTable, make_table

CHANGELOG = "crm-follow-changelog"


class Died(Exception):
    """The process would have ended here."""


def die(code: int, message: str) -> NoReturn:
    raise Died(code, message)


class Probe:
    """Kafka's answers about the changelog."""

    def __init__(self) -> None:
        self.id, self.begin, self.end = "an-id", 0, 0

    async def topic_id(self, topic: str) -> str:
        assert topic == CHANGELOG
        return self.id

    async def begins(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, self.begin)

    async def appended(self, topic: str, partitions: Collection[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, self.end)


@pytest.fixture
async def table() -> BatchTable:
    app = make_app(Settings(app_id="crm"), "crm")
    app.die = die
    return make_table(app, "follow", CHANGELOG, 4, Metrics())


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
async def store(table: BatchTable, probe: Any, tmp_path: Path) -> AsyncIterator[DiskStore]:
    store = DiskStore(table, tmp_path, probe, die)
    yield store
    await store.on_stop()


def places(*partitions: int, topic: str = CHANGELOG) -> set[TP]:
    return {TP(topic, partition) for partition in partitions}


def event(table: BatchTable, tp: TP, *pairs: tuple[bytes, bytes | None], start: int = 0) -> Any:
    """What Faust hands over: a batch that was read of a changelog."""
    end = start + len(pairs)
    records = [LogRecord(offset, 0, *pair) for offset, pair in enumerate(pairs, start)]
    value: Any = Batch(records, start, end, 1, 1)
    message = ConsumerMessage(
        tp.topic, tp.partition, end - 1, 0.0, 0, None, None, value, None, 0, 0, tp
    )
    return Event(table.app, None, value, None, message)


def said(copy: LocalCopy) -> dict[bytes, bytes]:
    return {key: value for key, value in copy.items() if key[:1] != b"\0"}


async def test_what_is_read_and_what_we_commit_is_there_after_a_restart(
    table: BatchTable, store: DiskStore, probe: Any, tmp_path: Path
) -> None:
    await store.on_rebalance(places(1, 2) | places(3, topic="raw"), set(), set())
    assert store.persisted_offset(TP(CHANGELOG, 1)) == -1, "all of it is to be read"
    table.apply_changelog_batch([event(table, TP(CHANGELOG, 1), (b"a", b"1"), (b"b", b"2"))])
    store.write(1, [(b"a", None), (position_key(1), b"p")], end=5)
    assert table.data is store
    assert (table.metrics.changelog_records.labels("follow", "recovery")._value.get()) == 2
    await store.on_stop()

    again, probe.end = DiskStore(table, tmp_path, probe, die), 5
    await again.on_rebalance(places(1, 2), set(), set())
    assert again.persisted_offset(TP(CHANGELOG, 1)) == 4
    blobs = again.load(1)
    assert (blobs.get(position_key(1)), said(blobs)) == (b"p", {b"b": b"2"})
    with pytest.raises(Unavailable, match="was read up to 0, but goes to 5"):
        again.load(2)
    await again.on_stop()


async def test_a_partition_that_went_elsewhere_is_closed_and_kept(
    store: DiskStore, probe: Probe
) -> None:
    await store.on_rebalance(places(1, 2), set(), set())
    store.write(1, [(b"a", b"1")], end=1)
    probe.end = 1
    await store.on_rebalance(places(2), places(1), set())
    with pytest.raises(KeyError):
        store.load(1)
    await store.on_rebalance(places(1, 2), set(), places(1))
    assert said(store.load(1)) == {b"a": b"1"}


async def test_a_changelog_made_anew_is_read_from_its_beginning(
    store: DiskStore, probe: Probe
) -> None:
    await store.hold([1])
    store.write(1, [(b"a", b"1")], end=5)
    await store.hold([])
    probe.id, probe.begin, probe.end = "another-id", 3, 3
    await store.hold([1])
    assert (store.persisted_offset(TP(CHANGELOG, 1)), said(store.load(1))) == (2, {})


async def test_what_a_standby_reads_is_counted_as_such(table: BatchTable, store: DiskStore) -> None:
    await store.hold([1])
    recovery: Any = table.app.tables.recovery  # type: ignore[attr-defined]
    recovery.standby_tps.update(places(1))
    table.apply_changelog_batch([event(table, TP(CHANGELOG, 1), (b"a", b"1"))])
    assert table.metrics.changelog_records.labels("follow", "standby")._value.get() == 1
    consumer: Any = table.app.consumer
    for end, lags in ((None, []), (4, [(1, 3)])):
        consumer.stable_end = lambda tp, end=end: end
        assert list(store.standby_lags()) == lags
    consumer._thread.thread_loop.close()


async def test_a_batch_of_another_table_is_not_taken(table: BatchTable, store: DiskStore) -> None:
    """Faust hands what it does not know to the table before (XXX in its recovery)."""
    await store.hold([1])
    table.apply_changelog_batch([event(table, TP("crm-ingest-changelog", 1), (b"a", b"1"))])
    assert said(store.load(1)) == {}


async def test_what_was_fetched_before_a_partition_went_elsewhere_is_not_taken(
    table: BatchTable, store: DiskStore
) -> None:
    await store.hold([1, 2])
    await store.hold([1])
    table.apply_changelog_batch([event(table, TP(CHANGELOG, 2), (b"a", b"1"))])
    await store.hold([2])
    assert said(store.load(2)) == {}


async def test_a_hole_ends_the_worker(table: BatchTable, store: DiskStore) -> None:
    """Faust would log the error and go on, and the copy would lack records for ever."""
    await store.hold([1])
    with pytest.raises(Died) as death:
        table.apply_changelog_batch([event(table, TP(CHANGELOG, 1), (b"a", b"1"), start=7)])
    assert death.value.args[0] == BROKEN
    assert "the changelog was read from 7, the copy lacks 0" in death.value.args[1]


async def test_a_write_that_fails_ends_the_worker(store: DiskStore) -> None:
    await store.hold([1])
    store.write(1, [(b"a", b"1")], end=5)
    with pytest.raises(Died) as death:
        store.write(1, [(b"a", b"1")], end=5)  # a bug: nothing can have been committed
    assert death.value.args[0] == BROKEN


async def test_a_folder_that_cannot_be_used_is_refused(store: DiskStore, tmp_path: Path) -> None:
    (tmp_path / CHANGELOG).write_text("a file where the folder should be")
    with pytest.raises(Died) as death:
        await store.on_rebalance(places(1), set(), set())
    assert death.value.args[0] == REFUSED


def test_a_folder_is_one_workers_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "tables"
    code = (
        "import sys; from pathlib import Path; from streams.disk_store import lock_folder\n"
        "lock = lock_folder(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(BadSetting, match="is used by another worker"):
            lock_folder(folder)
        other.kill()
    lock_folder(folder).close()
    assert folder.stat().st_mode & 0o077 == 0, "what customers did is nobody else's to read"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match=r"=.*file/tables: Not a directory"):
        lock_folder(tmp_path / "file" / "tables")
