"""What the shell relies on inside Faust when tables are recovered, and when others stand by."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher
from faust.assignor.client_assignment import CopartitionedAssignment
from faust.assignor.copartitioned_assignor import CopartitionedAssignor
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

from streams.clock import SystemClock
from streams.faust_app import PathlineApp
from streams.job import LogRecord
from streams.metrics import Metrics
from streams.shard import Batch
from streams.table import TableStore, make_table
from streams.transport import Fetched, Wanted
from tests.contract.unstarted import SETTINGS, SOURCE, in_order, making

CHANGELOG = TP("contract-follow-changelog", 0)
STANDBY = TP("contract-follow-changelog", 1)


def test_recovery_waits_for_the_record_before_the_end_so_a_fence_must_lie_there() -> None:
    in_order(Recovery._build_highwaters, "consumer.highwaters", "value - 1")


async def test_a_table_in_memory_is_two_dictionaries(app: PathlineApp) -> None:
    store = TableStore(make_table(app, "follow", "contract-follow-changelog", 4, Metrics()))
    table: Any = app.tables["follow"]
    store.write(2, [(b"a", b"1"), (b"b", b"2"), (b"b", None)], end=3)
    store.write(3, [(b"c", b"3")], end=1)
    data = table.data
    assert (data.data, data._key_partition) == ({b"a": b"1", b"c": b"3"}, {b"a": 2, b"c": 3})
    assert store.load(2) == {b"a": b"1"}
    await table.on_recovery_completed({TP("contract-follow-changelog", 2)}, set())
    assert store.load(3) == {}, "what is not ours any more is dropped"


async def test_recovery_hands_whole_batches_to_the_table(app: PathlineApp) -> None:
    store = TableStore(make_table(app, "follow", "contract-follow-changelog", 4, Metrics()))
    table: Any = app.tables["follow"]
    channel = table.changelog_topic.clone_using_queue(app.tables.changelog_queue)
    assert app.tables.changelog_topics == {"contract-follow-changelog"}
    records = [
        LogRecord(3, 0, b"a", b"1"),
        LogRecord(4, 0, b"b", b"2"),
        LogRecord(5, 0, b"b", None),
    ]
    message: Any = app.consumer._batch_message(  # type: ignore[attr-defined]
        TP("contract-follow-changelog", 2), Batch(records, 3, 6, 7, 0)
    )
    assert message.offset == 5, "recovery counts offsets up to the record before the end"
    table.apply_changelog_batch([await channel.decode(message, propagate=True)])
    assert store.load(2) == {b"a": b"1"}
    in_order(Recovery, "offsets[tp] = offset", "apply_changelog_batch(buf)")
    assert table.recovery_buffer_size != 1, "Faust would go on reading the changelog"


def test_the_table_manager_does_no_more_at_its_start_than_ours() -> None:
    body = [line.strip() for line in inspect.getsource(TableManager.on_start).splitlines()]
    assert body[2:] == [
        "await self.sleep(1.0)",
        "if not self.should_stop:",
        "await self._update_channels()",
        "await self.recovery.start()",
    ]


class CopiesOf41:
    """A store with copies up to offset 41."""

    def persisted_offset(self, tp: TP) -> int:
        return 41


async def test_a_table_keeps_the_store_that_it_was_given_and_asks_it_after_the_assignment(
    app: PathlineApp,
) -> None:
    table: Any = make_table(app, "follow", "contract-follow-changelog", 4, Metrics())
    table._data = CopiesOf41()
    assert table.data is table._data
    assert table.persisted_offset(CHANGELOG) == 41
    in_order(TableManager.on_rebalance, "table.on_rebalance", "self.recovery.on_rebalance")
    in_order(Collection.on_rebalance, "self.data.on_rebalance")


async def test_recovery_and_standby_read_on_from_what_the_store_has(app: PathlineApp) -> None:
    table: Any = make_table(app, "follow", "contract-follow-changelog", 4, Metrics())
    table._data = CopiesOf41()
    recovery = app.tables.recovery  # type: ignore[attr-defined]
    recovery.add_active(table, CHANGELOG)
    recovery.standby_offsets[STANDBY] = 17  # of an assignment before
    recovery.add_standby(table, STANDBY)
    sought: dict[TP, int] = {}

    class Compacted:
        async def earliest_offsets(self, *places: TP) -> dict[TP, int]:
            return dict.fromkeys(places, 5)

        async def seek_wait(self, places: dict[TP, int]) -> None:
            sought.update(places)

    consumer: Any = Compacted()
    for tp, offsets in ((CHANGELOG, recovery.active_offsets), (STANDBY, recovery.standby_offsets)):
        await recovery._build_offsets(consumer, {tp}, offsets, "some")
        await recovery._seek_offsets(consumer, {tp}, offsets, "some")
    assert sought == {CHANGELOG: 41, STANDBY: 41}


async def test_standbys_are_not_fetched_until_the_worker_is_ready(
    app: PathlineApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust resumes them before it clears the queue of changelogs: that would be a hole."""
    in_order(
        Recovery,
        "async def _restart_recovery",
        "(consumer.resume_partitions)(standby_tps)",
        "self.on_recovery_completed)(generation_id)",
    )
    in_order(TableManager.changelog_queue.fget, "clear_on_resume=True")
    consumer: Any = app.consumer
    asked: list[Wanted] = []

    async def getmany(wanted: Wanted, timeout: float) -> Fetched:  # noqa: ASYNC109 - Faust's
        asked.append(wanted)
        return Fetched(1, {})

    monkeypatch.setattr(consumer, "_getmany", getmany)
    monkeypatch.setattr(type(consumer), "flow_active", True)
    app.clock = SystemClock()
    consumer._set_active_tps({SOURCE, CHANGELOG, STANDBY})
    app.tables.recovery.standby_tps.add(STANDBY)  # type: ignore[attr-defined]
    assert [message async for message in consumer.getmany(1.0)] == []
    (wanted,) = asked
    for app.rebalancing, tps in ((True, {CHANGELOG}), (False, {SOURCE, CHANGELOG, STANDBY})):
        assert set(wanted) == tps, "also of a fetch that is under way"


async def test_a_fetch_under_way_takes_nothing_of_what_was_paused_meanwhile(
    app: PathlineApp,
) -> None:
    """Else it takes what comes after the seek, while nobody delivers: recovery waits for ever, or
    goes on without it.
    """
    in_order(Fetcher.fetched_records, "if partitions and tp not in partitions:", "continue")
    consumer: Any = app.consumer
    consumer._set_active_tps({SOURCE, CHANGELOG})
    wanted = Wanted(consumer._get_active_partitions(), app)
    assert SOURCE in wanted
    consumer.pause_partitions({SOURCE, CHANGELOG})
    assert wanted, "aiokafka takes what is false for all partitions"
    assert SOURCE not in wanted
    assert list(wanted) == []
    consumer.resume_partitions({CHANGELOG})
    assert list(wanted) == [CHANGELOG]


def test_recovery_logs_what_a_table_raises_and_hands_it_what_it_does_not_know() -> None:
    in_order(
        Recovery,
        "async def _slurp_changelogs",
        "recovery unknown topic",
        "table.apply_changelog_batch(buf)",
        "except Exception as ex:",
    )


def test_who_stands_by_takes_over() -> None:
    """Of three workers one has died; each of its partitions goes to the one that has its copy."""

    def held(actives: set[int], standbys: set[int]) -> CopartitionedAssignment:
        return CopartitionedAssignment(actives, standbys, {"raw"})

    left = {"two": held({2, 3}, {0, 4}), "three": held({4, 5}, {1, 3})}
    found = CopartitionedAssignor({"raw"}, left, num_partitions=6, replicas=1).get_assignment()
    assert {name: held.actives for name, held in found.items()} == {
        "two": {0, 2, 3},
        "three": {1, 4, 5},
    }
    assert {name: held.standbys for name, held in found.items()} == {
        "two": {1, 4, 5},
        "three": {0, 2, 3},
    }


async def test_the_number_of_standbys_reaches_the_assignor() -> None:
    disk = SETTINGS.model_copy(update={"store": "rocksdb", "standbys": 1})
    with making(disk) as made:
        assert made.assignor.replicas == 1  # type: ignore[attr-defined]
    with making(SETTINGS) as made:
        assert made.assignor.replicas == 0  # type: ignore[attr-defined]
