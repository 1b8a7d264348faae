"""The registry of topics, and what it finds wrong with those of a broker."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from rules import grammar
from streams.settings import Settings
from streams.topics import DEAD_HEADERS_BYTES, FoundTopic, Topic, Topics, compare_topics


def as_created(topic: Topic) -> FoundTopic:
    return FoundTopic(topic.partitions, topic.replication, dict(topic.config))


@pytest.fixture
def topics() -> Topics:
    return Topics(Settings(replication=3))


@pytest.fixture
def broker(topics: Topics) -> dict[str, FoundTopic]:
    """A broker on which every topic is as it should be."""
    return {topic.name: as_created(topic) for topic in topics}


def change(broker: dict[str, FoundTopic], topic: Topic, **config: str) -> None:
    found = broker[topic.name]
    named = {name.replace("_", "."): value for name, value in config.items()}
    broker[topic.name] = replace(found, config={**found.config, **named})


def test_the_names_are_those_of_the_design() -> None:
    assert [topic.name for topic in Topics(Settings())] == [
        "raw.interactions.v1",
        "pathline.interactions.v1",
        "pathline.sla-breaches.v1",
        "pathline.journey-breaks.v1",
        "pathline.signals.v1",
        "pathline.shadow-alerts.v1",
        "pathline.alert-state.v1",
        "pathline.scores.v1",
        "pathline.examples.v1",
        "pathline.models.v1",
        "pathline.rules.v1",
        "pathline.dead-letters.v1",
        "pathline-ingest-changelog",
        "pathline-follow-changelog",
        "pathline-learn-changelog",
    ]


def test_two_teams_on_one_cluster_share_the_raw_topic_alone() -> None:
    crm = {t.name for t in Topics(Settings(app_id="crm", topic_prefix="crm."))}
    ops = {t.name for t in Topics(Settings(app_id="ops", topic_prefix="ops."))}
    assert crm & ops == {"raw.interactions.v1"}


def test_a_changelog_is_compacted_and_never_deleted(topics: Topics) -> None:
    for topic in (topics.ingest_changelog, topics.follow_changelog, topics.learn_changelog):
        assert topic.config["cleanup.policy"] == "compact"
        assert "retention.ms" not in topic.config


def test_retention_is_as_set_in_days() -> None:
    topics = Topics(Settings(interactions_retention_d=400, dead_letters_retention_d=0.5))
    assert topics.interactions.config["retention.ms"] == "34560000000"
    assert topics.dead_letters.config["retention.ms"] == "43200000"


def test_topics_as_they_should_be_give_no_finding(topics: Topics, broker) -> None:
    assert compare_topics(topics, broker) == []


def test_more_than_asked_for_and_another_tuning_are_fine(topics: Topics, broker) -> None:
    change(broker, topics.interactions, retention_ms="-1", max_message_bytes="99000000")
    change(broker, topics.signals, retention_ms=str(365 * 86_400_000))
    change(broker, topics.follow_changelog, segment_bytes="1073741824")
    assert compare_topics(topics, broker) == []


def test_states_that_are_kept_longer_than_erasure_says_are_told(topics: Topics, broker) -> None:
    """Not fatal: a worker need not stand still for it."""
    lag = "max.compaction.lag.ms"
    change(broker, topics.alert_state, max_compaction_lag_ms="1000")
    assert compare_topics(topics, broker) == []
    change(broker, topics.alert_state, max_compaction_lag_ms=str(2**63 - 1))
    (finding,) = compare_topics(topics, broker)
    assert (finding.setting, finding.expected, finding.fatal) == (
        lag,
        "at most 604800000",
        False,
    )
    assert f"--add-config {lag}=604800000" in finding.mend


def test_a_missing_topic_is_fatal_and_the_command_is_named(topics: Topics, broker) -> None:
    del broker[topics.alert_state.name]
    (finding,) = compare_topics(topics, broker)
    assert (finding.topic, finding.found, finding.fatal) == (
        "pathline.alert-state.v1",
        "missing",
        True,
    )
    assert "pathline topics create" in finding.mend


def test_a_changelog_that_also_deletes_is_fatal(topics: Topics, broker) -> None:
    changelog = topics.follow_changelog
    change(broker, changelog, cleanup_policy="compact,delete")
    (finding,) = compare_topics(topics, broker)
    assert str(finding) == (
        "pathline-follow-changelog: cleanup.policy is compact,delete, expected compact."
        " kafka-configs.sh --alter --entity-type topics"
        " --entity-name pathline-follow-changelog --add-config cleanup.policy=compact"
    )
    assert finding.fatal


def test_another_partition_count_is_fatal(topics: Topics, broker) -> None:
    raw = topics.raw.name
    broker[raw] = replace(broker[raw], partitions=6)
    (finding,) = compare_topics(topics, broker)
    assert (finding.setting, finding.expected, finding.found) == ("partitions", "4", "6")
    assert finding.fatal


def test_less_safety_than_asked_for_is_told_but_not_fatal(topics: Topics, broker) -> None:
    signals = topics.signals
    broker[signals.name] = replace(broker[signals.name], replication=2)
    change(
        broker,
        signals,
        min_insync_replicas="1",
        retention_ms="3600000",
        message_timestamp_type="CreateTime",
    )
    findings = compare_topics(topics, broker)
    assert {f.setting for f in findings} == {
        "replication",
        "min.insync.replicas",
        "retention.ms",
        "message.timestamp.type",
    }
    assert [f for f in findings if f.fatal] == []


def test_a_topic_that_takes_only_small_batches_is_fatal(topics: Topics, broker) -> None:
    change(broker, topics.dead_letters, max_message_bytes="1048588")
    (finding,) = compare_topics(topics, broker)
    room = 8_000_000 + DEAD_HEADERS_BYTES
    assert (finding.expected, finding.found) == (f"at least {room}", "1048588")
    assert finding.fatal


def test_the_largest_raw_record_fits_the_dead_letters_with_what_they_say_of_it(
    topics: Topics,
) -> None:
    limits = [int(t.config["max.message.bytes"]) for t in (topics.raw, topics.dead_letters)]
    assert limits[1] - limits[0] == DEAD_HEADERS_BYTES > 0


def test_a_setting_that_the_broker_does_not_tell_is_a_finding(topics: Topics, broker) -> None:
    broker[topics.rules.name] = FoundTopic(partitions=1, replication=3, config={})
    assert {f.found for f in compare_topics(topics, broker)} == {"unknown"}


@pytest.mark.parametrize("name", get_args(grammar.Topic))
def test_the_topic_that_a_rule_names_exists(topics: Topics, name: str) -> None:
    assert topics.alerts(name).name == f"pathline.{name}.v1"
