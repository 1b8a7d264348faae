"""The table on disk: for each partition that is ours, or that we stand by for, a copy of its log.

Faust recovers a table from its changelog; with a copy it has only the rest to read. Our checkpoints
write to the copies after their commit; of other workers' partitions a standby reads on. So a worker
that starts again, or takes over, is soon where the log is. The changelog stays the authority.
"""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from faust.stores.base import Store
from faust.tables import TableManager
from faust.types import TP

from models.errors import BadSetting, PathlineError, Unavailable
from streams.checkpoint import BROKEN
from streams.local_copy import Budget, Changelog, LocalCopy, open_copy
from streams.logs import SERVICES, tell_error
from streams.ports import Die
from streams.probe import OffsetProbe
from streams.runtime import REFUSED
from streams.shard import Batch
from streams.table import BatchTable
from streams.transport import BatchConsumer

URL = "rocksdb://"


def lock_folder(folder: Path) -> IO[str]:
    """Keep it while the worker lives; a dead one, however it died, holds nothing.

    Raises BadSetting when another worker has it: two would write one copy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds what customers did
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise BadSetting(f"PATHLINE_DATA_DIR={folder}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise BadSetting(
            f"PATHLINE_DATA_DIR={folder} is used by another worker; give each its own"
        ) from None
    return lock


class DiskStore(Store[bytes, bytes]):
    """Both Faust's store of a table and ours (streams/ports.py, Store)."""

    logger = SERVICES

    def __init__(self, table: BatchTable, folder: Path, probe: OffsetProbe, die: Die) -> None:
        super().__init__(URL, table.app, table)
        self.data = {}
        self._changelog = table.changelog_topic.get_topic_name()
        self._folder = folder / self._changelog
        self._budget = Budget()
        self._probe = probe
        self._die = die
        self._copies: dict[int, LocalCopy] = {}
        self._ends: Mapping[int, int] = {}  # of the changelog, when the partitions were assigned
        table.kept, table._data = self, self

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Faust calls it before it asks from where on each changelog is to be read."""
        try:
            await self.hold({tp.partition for tp in assigned if tp.topic == self._changelog})
        except PathlineError as error:
            self._die(REFUSED, str(error))

    async def hold(self, partitions: Collection[int]) -> None:
        """Have copies of these partitions open, and no others. Raises BadSetting, Unavailable."""
        for partition in self._copies.keys() - set(partitions):
            self._copies.pop(partition).close()
        if not partitions:
            return
        topic = await self._probe.topic_id(self._changelog)
        begins = await self._probe.begins(self._changelog, partitions)
        self._ends = await self._probe.appended(self._changelog, partitions)
        for partition in set(partitions) - self._copies.keys():
            changelog = Changelog(topic, begins[partition], self._ends[partition])
            path = self._folder / str(partition)
            self._copies[partition] = open_copy(path, changelog, self._budget)

    async def on_stop(self) -> None:
        await self.hold(())

    def persisted_offset(self, tp: TP) -> int:
        """The last one that the copy has; Faust reads from it on."""
        return self._copies[tp.partition].next - 1

    def load(self, partition: int) -> LocalCopy:
        """Raises Unavailable when the recovery that has ended has not read all."""
        copy, end = self._copies[partition], self._ends[partition]
        if copy.next < end:
            raise Unavailable(
                f"{self._changelog}/{partition} was read up to {copy.next}, but goes to {end};"
                " the worker reads on when it starts again"
            )
        return copy

    def take(self, partition: int, batch: Batch) -> None:
        """Raises BadSetting, Unavailable: then the worker may not go on."""
        if partition in self._copies:  # else it was fetched before it went elsewhere
            self._copies[partition].take(batch)

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], end: int
    ) -> None:
        try:
            self._copies[partition].write(changes, end)
        except Exception as error:  # with a hole the copy would no longer be one
            self._die(BROKEN, tell_error(error))

    def standby_lags(self) -> Iterator[tuple[int, int]]:
        """Partition, and the records that our copy of it lacks, as of the newest fetch; nothing of
        what was not fetched yet.
        """
        consumer = cast(BatchConsumer, self.app.consumer)
        for tp in cast(TableManager, self.app.tables).recovery.standby_tps:
            copy = self._copies.get(tp.partition) if tp.topic == self._changelog else None
            if copy and (end := consumer.stable_end(tp)) is not None:
                yield tp.partition, max(0, end - copy.next)

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        raise NotImplementedError("the table hands over what was read (BatchTable)")

    def reset_state(self) -> None:
        raise NotImplementedError("remove PATHLINE_DATA_DIR")

    async def backup_partition(self, tp: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("the changelog is the backup")

    def restore_backup(self, tp: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("the changelog is the backup")
