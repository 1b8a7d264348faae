"""Faust, with our transport below it and our checkpoints above it.

Faust assigns partitions, recovers tables and runs agents. Each override here and in transport.py
has its reason in docs/internals.md and its test in tests/contract.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol, cast

import faust
from faust.tables import TableManager
from faust.types import TP

from streams.checkpoint import BROKEN
from streams.clock import Clock
from streams.connection import faust_options
from streams.logs import SERVICES, tell_error
from streams.ports import Die
from streams.runtime import REFUSED, Runtime
from streams.settings import Settings
from streams.table import BatchTable
from streams.transport import BatchConsumer, BatchTransport

BEAT_S = 0.02
WATCH_S = 0.5
ANSWER_S_MAX = 30.0  # Faust asks for records with a timeout of a few seconds
STOP_S = 5.0  # after the last checkpoints
POLL_RECORDS = 4_000  # at once; a compressed fetch of 1 MB may hold ten times as many


class Startable(Protocol):
    """A connection that lives as long as the app."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class PromptTables(TableManager):
    """Faust's, without the second that it sleeps before it starts; the conductor waits anyway."""

    logger = SERVICES

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class Standing(Protocol):
    """A table with copies of partitions that other workers own."""

    table_name: str

    def standby_lags(self) -> Iterator[tuple[int, int]]: ...


class PathlineApp(faust.App):
    """runtimes: one per agent of this worker. connections: started before all else, stopped last.
    stores: of tables that are kept on disk.

    beat_at: s, of the housekeeping; None before it began.
    """

    logger = SERVICES
    runtimes: Sequence[Runtime] = ()
    connections: Sequence[Startable] = ()
    stores: Sequence[Standing] = ()
    batch_topics: frozenset[str] = frozenset()
    beat_at: float | None = None
    clock: Clock
    die: Die

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_first_start(self) -> None:
        """Faust makes folders here; ours are made where they are used."""

    async def on_start(self) -> None:
        for connection in self.connections:
            await connection.start()
        self.add_future(self.watch_group())
        await super().on_start()

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        if not self.should_stop:  # fence first: from then on nobody else can move the tables
            await self._each(lambda runtime: runtime.fence(
                sorted(tp.partition for tp in assigned if tp.topic == runtime.agent.source),
                generation_id,
            ))  # fmt: skip
        await super()._on_partitions_assigned(assigned, generation_id)

    async def open_shards(self) -> None:
        """The tables are recovered, nothing is delivered yet; the transport calls."""
        await self._each(Runtime.open)

    async def close_shards(self) -> None:
        """Partitions are about to be revoked, or the worker stops."""
        await self._each(Runtime.close)

    async def on_stop(self) -> None:
        await self.close_shards()
        self.loop.call_later(STOP_S, self._stop_waiting)
        await super().on_stop()
        for connection in self.connections:
            await connection.stop()

    def _stop_waiting(self) -> None:
        """A client that lost its broker once may never end, and all is committed by now."""
        code = BROKEN if self.crashed else 0
        self.die(code, f"Kafka's clients did not stop within {STOP_S} s; ending without them")

    async def keep_house(self) -> None:
        """Checkpoints and ticks, when they are due."""
        while not self.should_stop:
            await asyncio.sleep(BEAT_S)
            self.beat_at = self.clock.steady_s()
            if not self.rebalancing:
                await self._each(Runtime.beat)

    async def watch_group(self) -> None:
        """End when the group refuses us, also before anything was assigned; or when the consumer's
        thread, asked for records, does not even say that there are none.
        """
        while not self.should_stop:
            await asyncio.sleep(WATCH_S)
            if error := cast(BatchConsumer, self.consumer).group_error():
                refused = "Authorization" in type(error).__name__
                hint = "; see `pathline topics acls`" if refused else ""
                self.die(REFUSED if refused else BROKEN, f"group {self.conf.id}: {error}{hint}")
            asked_at = cast(BatchConsumer, self.consumer).asked_at
            if asked_at is not None and self.clock.steady_s() - asked_at > ANSWER_S_MAX:
                self.die(BROKEN, f"the consumer has not answered within {ANSWER_S_MAX} s")

    @property
    def is_assigned(self) -> bool:
        """The group has settled and the tables are recovered."""
        return bool(self.rebalancing_count > 0 and not self.rebalancing)

    async def _each(self, work: Callable[[Runtime], Coroutine[Any, Any, None]]) -> None:
        try:
            await asyncio.gather(*map(work, self.runtimes))
        except Exception as error:  # Faust would log it and go on, and records would be lost
            self.die(BROKEN, tell_error(error))


def make_app(settings: Settings, group: str) -> PathlineApp:
    """The app as it is configured, with nothing in it. group: whose member it is."""
    session_s = settings.session_timeout_s
    return PathlineApp(
        group,
        **faust_options(settings),
        store="memory://",  # unless a table is given another (streams/disk_store.py)
        table_standby_replicas=settings.standbys,
        Table=BatchTable,
        TableManager=PromptTables,
        topic_partitions=settings.partitions,
        topic_allow_declare=False,  # `pathline topics create` makes them, as they must be
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,  # it waits for acks, and there are none
        stream_recovery_delay=0.0,
        consumer_auto_offset_reset="none",  # a log without what we need is an error, not a jump
        consumer_group_instance_id=settings.instance_id,
        producer_acks=-1,
        broker_max_poll_records=POLL_RECORDS,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 4,
        broker_rebalance_timeout=session_s * 2,
    )
