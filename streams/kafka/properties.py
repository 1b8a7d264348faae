"""The settings that the embedded Kafka runs with: one node, KRaft, loopback only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"


def server_properties(
    data: Path, port: int, controller_port: int, extra: Mapping[str, str]
) -> dict[str, str]:
    """The whole configuration; `extra` is laid over it (tests: TLS, quotas).

    >>> server_properties(Path("/tmp/k"), 19092, 19093, {})["controller.quorum.voters"]
    '1@127.0.0.1:19093'
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "log.cleaner.enable": "true",  # changelogs and alert-state are compacted
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
        "offsets.topic.num.partitions": "4",  # 50 by default: they slow the first join
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",  # one worker need not wait for others
        "group.min.session.timeout.ms": "1000",  # tests kill workers and do not wait 6 s
        "broker.session.timeout.ms": "3000",  # after kill -9 the next start waits for it
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
    } | dict(extra)


def write_properties(path: Path, properties: Mapping[str, str]) -> None:
    """Write a Java properties file in UTF-8; backslashes and line ends are escaped."""
    lines = [f"{k}={v.replace(chr(92), chr(92) * 2).replace(chr(10), chr(92) + 'n')}\n"
             for k, v in properties.items()]  # fmt: skip
    path.write_text("".join(lines), "utf-8")
