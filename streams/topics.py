"""The topics: one visible registry of names and settings, and what is wrong with those that exist.

Everyone who reads or writes a topic takes its name from here. The settings matter: a changelog
that also deletes loses accounts, and partition counts that differ send an account's state
elsewhere. So the worker's start-up guard, `pathline topics` and `pathline doctor` share one check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.settings import Settings

DAY_MS = 86_400_000
BOUNDS = ("retention.ms", "max.message.bytes", "min.insync.replicas")  # more than ours is fine
CEILINGS = ("max.compaction.lag.ms",)  # less than ours is fine
DEAD_HEADERS_BYTES = 65_536  # what a dead letter says of itself, beside the whole record
FATAL = ("partitions", "cleanup.policy", "max.message.bytes")  # the worker refuses to start
TUNING = ("segment.bytes", "min.cleanable.dirty.ratio")  # set by us, free to anyone later
# So old is an erased account's state at most; without a limit the newest segment never goes.
COMPACT = {"cleanup.policy": "compact", "max.compaction.lag.ms": str(7 * DAY_MS)}


@dataclass(frozen=True)
class Topic:
    """A topic as it should be."""

    name: str
    purpose: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class FoundTopic:
    """A topic as the broker tells it."""

    partitions: int
    replication: int
    config: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Finding:
    """One setting of one topic that is not as it should be, and how to mend it."""

    topic: str
    setting: str
    expected: str
    found: str
    mend: str
    fatal: bool

    def __str__(self) -> str:
        return (
            f"{self.topic}: {self.setting} is {self.found}, expected {self.expected}. {self.mend}"
        )


class Topics:
    """All topics of these settings; iterate to get each.

    >>> topics = Topics(Settings(app_id="crm", topic_prefix="pathline."))
    >>> topics.interactions.name, topics.follow_changelog.name
    ('pathline.interactions.v1', 'crm-follow-changelog')
    >>> topics.alerts("sla-breaches").config["cleanup.policy"]
    'delete'
    """

    def __init__(self, settings: Settings) -> None:
        s = settings

        def topic(name: str, purpose: str, config: dict[str, str], partitions: int = 0) -> Topic:
            config = {
                "max.message.bytes": str(s.message_bytes_max),
                "min.insync.replicas": str(max(1, s.replication - 1)),
                **config,
            }
            return Topic(name, purpose, partitions or s.partitions, s.replication, config)

        def ours(name: str, purpose: str, config: dict[str, str], partitions: int = 0) -> Topic:
            return topic(f"{s.topic_prefix}{name}.v1", purpose, config, partitions)

        alerts = kept(s.alerts_retention_d)
        self.raw = topic(s.raw_topic, "CloudEvents as they come", kept(s.raw_retention_d))
        self.interactions = ours(
            "interactions", "validated events, ticks", kept(s.interactions_retention_d)
        )
        self.sla_breaches = ours("sla-breaches", "alerts: an answer came too late", alerts)
        self.journey_breaks = ours("journey-breaks", "alerts: a path was left", alerts)
        self.signals = ours("signals", "alerts: something happened", alerts)
        self.shadow_alerts = ours("shadow-alerts", "alerts of rules in status shadow", alerts)
        self.alert_state = ours("alert-state", "the latest state of each alert", COMPACT)
        self.scores = ours("scores", "scores of accounts: momentum, learned ones", alerts)
        self.examples = ours(
            "examples", "cases whose label is known, to learn from", kept(s.examples_retention_d)
        )
        self.models = ours(
            "models",
            "snapshots of models, by task and version",
            COMPACT | {"message.timestamp.type": "LogAppendTime"},  # they are looked for by time
            partitions=1,
        )
        self.rules = ours("rules", "published rule sets, by digest", COMPACT, partitions=1)
        room = {"max.message.bytes": str(s.message_bytes_max + DEAD_HEADERS_BYTES)}
        letters = kept(s.dead_letters_retention_d) | room
        self.dead_letters = ours("dead-letters", "rejected records, whole", letters)
        self.ingest_changelog = topic(
            f"{s.app_id}-ingest-changelog", "state of the agent ingest", changelog()
        )
        self.follow_changelog = topic(
            f"{s.app_id}-follow-changelog", "accounts: state of the agent follow", changelog()
        )
        self.learn_changelog = topic(
            f"{s.app_id}-learn-changelog", "learners: state of the agent learn", changelog()
        )

    def __iter__(self) -> Iterator[Topic]:
        return iter(vars(self).values())

    def alerts(self, name: str) -> Topic:
        """The alert topic that a rule names, such as `sla-breaches`."""
        return {
            "sla-breaches": self.sla_breaches,
            "journey-breaks": self.journey_breaks,
            "signals": self.signals,
        }[name]


def kept(days: float) -> dict[str, str]:
    """Deleted by age. The broker stamps the time: a producer's clock moves neither lag nor age."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(round(days * DAY_MS)),
        "message.timestamp.type": "LogAppendTime",
    }


def changelog() -> dict[str, str]:
    """Compacted often and in small segments, so that a recovery reads little."""
    return COMPACT | {"segment.bytes": str(64 * 2**20), "min.cleanable.dirty.ratio": "0.2"}


def compare_topics(topics: Topics, found: Mapping[str, FoundTopic]) -> list[Finding]:
    """What is wrong with the topics that exist, and which are missing; empty when all is right."""
    findings: list[Finding] = []
    for topic in topics:
        if topic.name in found:
            findings += _compare(topic, found[topic.name])
        else:
            mend = "Make it with `pathline topics create`."
            findings.append(Finding(topic.name, "topic", "present", "missing", mend, fatal=True))
    return findings


def _compare(topic: Topic, found: FoundTopic) -> Iterator[Finding]:
    if found.partitions != topic.partitions:
        mend = (
            f"Set PATHLINE_PARTITIONS={found.partitions} if all topics have as many; else make the"
            " topic anew: the partition of an account must not change."
        )
        yield _finding(topic, "partitions", str(topic.partitions), str(found.partitions), mend)
    if found.replication < topic.replication:
        mend = "Reassign its replicas with kafka-reassign-partitions.sh."
        yield _finding(
            topic, "replication", f"at least {topic.replication}", str(found.replication), mend
        )
    for name, expected in topic.config.items():
        value = found.config.get(name, "unknown")
        if not _fits(name, expected, value):
            mend = (
                f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name}"
                f" --add-config {name}={expected}"
            )
            bound = "at least " if name in BOUNDS else "at most " if name in CEILINGS else ""
            wanted = f"{bound}{expected}"
            yield _finding(topic, name, wanted, value, mend)


def _finding(topic: Topic, setting: str, expected: str, found: str, mend: str) -> Finding:
    return Finding(topic.name, setting, expected, found, mend, fatal=setting in FATAL)


def _fits(name: str, expected: str, found: str) -> bool:
    if name in TUNING:
        return True
    if name in CEILINGS and found.isdigit():
        return int(found) <= int(expected)
    if name in BOUNDS and found.lstrip("-").isdigit():
        return int(found) >= int(expected) or (name == "retention.ms" and found == "-1")
    return found == expected
