"""What lies in the topics after a run, as a reader of what is committed sees it, line by line."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from rules.snapshot import decode_account
from streams.control import is_control
from streams.job import LogRecord
from tests.e2e.judge import settled
from tests.simulation.site import Site

EMITTED = re.compile(rb'"emitted_at":"[^"]*",?')

Lines = Mapping[Any, list[Any]]
"""By place: within one there is an order, between two there is none."""


def read_all(site: Site, topic: str) -> Iterator[tuple[int, LogRecord]]:
    for partition in range(site.settings.partitions):
        for record in site.broker.logs[topic, partition].read():
            yield partition, record


def number_of(value: bytes | None) -> int | None:
    try:
        found = msgspec.json.decode(value or b"")["data"]["number"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return int(found)


def carried(site: Site) -> Lines:
    """The raw partition is found by the number in the data; a repeat of all has it too."""
    origin: dict[int, int] = {}
    for partition, record in read_all(site, site.topics.raw.name):
        if (number := number_of(record.value)) is not None:
            origin[number] = partition
    lines = defaultdict(list)
    for partition, record in read_all(site, site.topics.interactions.name):
        if not is_control(record.key):
            number = number_of(record.value)
            assert number is not None, "ingest carried what nobody sent"
            lines[origin[number], partition].append((record.key, record.value))
    return lines


def told(site: Site) -> Lines:
    topics = site.topics
    alerts = (topics.sla_breaches, topics.journey_breaks, topics.signals, topics.shadow_alerts)
    lines = defaultdict(list)
    for topic in (*alerts, topics.alert_state):
        for partition, record in read_all(site, topic.name):
            line = EMITTED.sub(b"", record.value or b""), list(record.headers)
            lines[topic.name, partition, record.key].append(line)
    return lines


def letters(site: Site) -> Lines:
    lines = defaultdict(list)
    for partition, record in read_all(site, site.topics.dead_letters.name):
        told = {n.removeprefix("dead."): v.decode() for n, v in record.headers if n[:5] == "dead."}
        source = told["topic"], int(told["partition"])
        assert source[1] == partition
        lines[source].append((int(told["offset"]), told["reason"], record.key, record.value))
    return lines


def accounts(site: Site) -> Lines:
    return {
        (partition, key.decode()): [settled(decode_account(value))]
        for partition in range(site.settings.partitions)
        for key, value in site.broker.logs[site.topics.follow_changelog.name, partition]
        .table()
        .items()
        if key[:1] != b"\x00"
    }
