"""Metrics: one registry, one entry each; names begin with pathline_, units are base units.

Beside the data path. Counters and histograms move at a commit, so an aborted checkpoint counts
nothing; gauges are read off the live shards when Prometheus asks. No label carries an account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.job import Snapshot
from streams.ports import Rows

LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
DURATION_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZE_BYTES = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8)


def size_of(rows: Rows) -> int:
    """Bytes of keys and values, uncompressed."""
    return sum(
        len(row.key or b"") + len(row.value or b"") for listed in rows.values() for row in listed
    )


class Reading(NamedTuple):
    """A gauge at this moment. labels: values, in the order of the gauge's names."""

    gauge: str
    labels: tuple[str, ...]
    value: float


GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "pathline_lag_records": (
        "Records of the input that are committed but not applied yet",
        ("agent", "partition"),
    ),
    "pathline_lag_seconds": (
        "Age of the newest applied record while others wait behind it; 0 when none does",
        ("agent", "partition"),
    ),
    "pathline_uncommitted_records": (
        "Records applied since the last checkpoint began",
        ("agent", "partition"),
    ),
    "pathline_clock_seconds": (
        "The clock of a partition, since 1970",
        ("agent", "partition"),
    ),
    "pathline_accounts": ("Accounts in memory", ("agent", "partition")),
    "pathline_deadlines_open": (
        "Deadlines that the clock has yet to reach",
        ("agent", "partition"),
    ),
    "pathline_deadlines_overdue": (
        "Deadlines that the wall clock, less the lateness, has passed and nothing has decided",
        ("agent", "partition"),
    ),
    "pathline_partition_ready": (
        "1 when the partition is opened and at work, 0 while it is recovered",
        ("agent", "partition"),
    ),
    "pathline_recovery_remaining_records": (
        "Changelog records to read until the tables are recovered",
        (),
    ),
    "pathline_standby_lag_records": (
        "Changelog records that our copy of another worker's partition lacks",
        ("agent", "partition"),
    ),
    "pathline_queued_batches": ("Fetched batches that wait for the agent", ("agent",)),
    "pathline_cases_pending": (
        "Scored cases whose label is not known yet",
        ("task", "partition"),
    ),
    "pathline_model_info": (
        "1 for the model that scores a task in a partition; role: champion, shadow",
        ("task", "role", "model", "partition"),
    ),
    "pathline_model_version": ("Newest version that was published", ("task",)),
    "pathline_model_learned_cases": ("Matured cases that were learned", ("task", "learner")),
    "pathline_model_memory_bytes": ("What a learner occupies, about", ("task", "learner")),
    "pathline_model_judged_cases": (
        "Matured cases in the window over which its scores are judged",
        ("task", "learner"),
    ),
    "pathline_model_auc": (
        "Area under the ROC curve of what was said of matured cases, over the window",
        ("task", "learner"),
    ),
    "pathline_model_log_loss": ("Their log loss, in nats", ("task", "learner")),
    "pathline_model_brier_score": ("Their Brier score", ("task", "learner")),
    "pathline_model_calibration_error": ("Their calibration error", ("task", "learner")),
    "pathline_rules_info": (
        "1 for the rule set that is active in a partition",
        ("digest", "partition"),
    ),
}


class Metrics(Collector):
    """gauges: reads all gauges off the live worker; set once it is composed."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.gauges: Callable[[], Iterable[Reading]] = tuple
        self.events = self._counter(
            "events", "Records by what became of them", ("agent", "outcome")
        )
        self.dead_letters = self._counter(
            "dead_letters", "Records sent to the dead letters", ("agent", "reason")
        )
        self.alerts = self._counter(
            "alerts", "Alerts published, of shadow rules too", ("rule", "state")
        )
        self.engine = self._counter(
            "engine_events", "What the engine counts by name: evicted, late, faults", ("what",)
        )
        self.deliveries = self._counter(
            "deliveries", "Fetched batches by verdict: fits, repeated, hole, stale",
            ("agent", "verdict"),
        )  # fmt: skip
        self.refused = self._counter(
            "control_records_refused", "Control records that do not count, by reason", ("reason",)
        )
        self.drifts = self._counter(
            "drifts", "Times that the error or an input of a model has drifted", ("task",)
        )
        self.models_refused = self._counter(
            "models_refused", "Models that are not scored with, by reason", ("reason",)
        )
        self.scoring_seconds = self._counter(
            "scoring_seconds", "Time spent on cases and scores, and on learning", ("agent",)
        )
        self.changelog_records = self._counter(
            "changelog_records", "Changelog records read: to recover a table, or as a standby",
            ("agent", "purpose"),
        )  # fmt: skip
        self.ticks = self._counter("ticks", "Ticks appended to the log", ("agent",))
        self.latency = self._histogram(
            "detection_latency_seconds", "From due instant or append to the commit of the alert",
            (), LATENCY_S,
        )  # fmt: skip
        self.checkpoint_seconds = self._histogram(
            "checkpoint_duration_seconds", "From snapshot to commit", ("agent",), DURATION_S
        )
        self.checkpoint_bytes = self._histogram(
            "checkpoint_size_bytes", "Keys and values before compression", ("agent",), SIZE_BYTES
        )
        self.registry.register(self)

    def _counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        return Counter(f"pathline_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> Histogram:
        return Histogram(f"pathline_{name}", text, labels, buckets=buckets, registry=self.registry)

    def checkpointed(
        self, agent: str, snapshot: Snapshot, rows: Rows, seconds: float, now_ms: int
    ) -> None:
        """A checkpoint is committed. seconds: it took. now_ms: the instant of the commit."""
        for name, count in snapshot.stats.items():
            self._count(agent, name, count)
        for out in snapshot.outputs:
            if out.since is not None:
                self.latency.observe(max(0.0, (now_ms - out.since) / 1000))
        self.checkpoint_seconds.labels(agent).observe(seconds)
        self.checkpoint_bytes.labels(agent).observe(size_of(rows))

    def _count(self, agent: str, name: str, count: int) -> None:
        """The names that jobs use: `applied`, `reject:REASON`, `refuse:REASON`,
        `alert:RULE:STATE`, `drift:TASK`, `model:REASON`, `scoring_ns`, others.
        """
        kind, _, rest = name.partition(":")
        if kind == "reject":
            self.events.labels(agent, "rejected").inc(count)
            self.dead_letters.labels(agent, rest).inc(count)
        elif kind == "refuse":
            self.refused.labels(rest).inc(count)
        elif kind == "drift":
            self.drifts.labels(rest).inc(count)
        elif kind == "model":
            self.models_refused.labels(rest).inc(count)
        elif name == "scoring_ns":
            self.scoring_seconds.labels(agent).inc(count / 1e9)
        elif kind == "alert":
            rule, _, state = rest.rpartition(":")
            self.alerts.labels(rule, state).inc(count)
        elif name in ("applied", "repeated"):
            self.events.labels(agent, name).inc(count)
        else:
            self.engine.labels(name).inc(count)

    def collect(self) -> Iterator[Metric]:
        families = {
            name: GaugeMetricFamily(name, text, labels=labels)
            for name, (text, labels) in GAUGES.items()
        }
        for reading in self.gauges():
            families[reading.gauge].add_metric(reading.labels, reading.value)
        return iter(families.values())
