"""Gauges, read off the live worker when Prometheus asks; no work is done for them before that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.faust_app import Standing
from streams.follow_job import FollowJob
from streams.metrics import Reading
from streams.runtime import Runtime
from streams.shard import Shard


def read_shards(runtimes: Iterable[Runtime], now_ms: int, lateness_ms: int) -> Iterator[Reading]:
    """The gauges of each partition."""
    for runtime in runtimes:
        yield Reading("pathline_queued_batches", (runtime.agent.name,), runtime.source.waiting())
        for partition, shard in runtime.shards.items():
            labels = runtime.agent.name, str(partition)
            yield Reading("pathline_partition_ready", labels, float(shard.ready))
            if not shard.ready:
                continue
            records, seconds = lag_of(shard, runtime.source.end(partition), now_ms)
            yield Reading("pathline_lag_records", labels, records)
            yield Reading("pathline_lag_seconds", labels, seconds)
            yield Reading("pathline_uncommitted_records", labels, shard.uncommitted)
            yield Reading("pathline_clock_seconds", labels, shard.job.clock / 1000)
            for name, value in shard.job.gauges(now_ms - lateness_ms).items():
                yield Reading(name, labels, value)


def read_standbys(stores: Iterable[Standing]) -> Iterator[Reading]:
    """How far the copies of other workers' partitions are behind."""
    for store in stores:
        for partition, records in store.standby_lags():
            labels = store.table_name, str(partition)
            yield Reading("pathline_standby_lag_records", labels, records)


def read_rules(runtimes: Iterable[Runtime]) -> Iterator[Reading]:
    """The rule set that is active in each partition."""
    for runtime in runtimes:
        for partition, shard in runtime.shards.items():
            if shard.ready and isinstance(shard.job, FollowJob):
                yield Reading("pathline_rules_info", (shard.job.rules_digest, str(partition)), 1)


def lag_of(shard: Shard, end: int | None, now_ms: int) -> tuple[int, float]:
    """Records, and seconds since the newest applied one was appended; never negative."""
    behind = max(0, (end or 0) - shard.next)
    if not behind or not shard.last_append:
        return behind, 0.0
    return behind, max(0.0, (now_ms - shard.last_append) / 1000)
