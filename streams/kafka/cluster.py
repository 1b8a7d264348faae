"""Three embedded Kafkas as one cluster: for tests of what a replicated Kafka survives.

Off the data path, beside `streams/broker.py`, whose single node is the default. KRaft, each node
broker and controller; every topic that says so is on all three, two of which must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from streams.broker import EmbeddedKafka
from streams.kafka.launch import draw_cluster_id
from streams.kafka.port import free_port
from streams.kafka.properties import HOST

NODES = 3
IN_SYNC_MIN = 2


class KafkaCluster:
    """folder: of all nodes, one below it each. cache: of the jars."""

    def __init__(self, folder: Path, cache: Path) -> None:
        controllers = [free_port() for _ in range(NODES)]
        cluster_id = draw_cluster_id()
        self.nodes = [
            EmbeddedKafka(folder / f"node-{number}", port, cache, properties, cluster_id)
            for number, port in enumerate((free_port() for _ in range(NODES)), 1)
            for properties in [node_properties(number, port, controllers)]
        ]

    @property
    def bootstrap(self) -> str:
        """host:port of every node, for clients."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> None:
        """All nodes at once, since a node answers only when most of them run. Raises as one does.

        Nodes that run already are left alone.
        """
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(EmbeddedKafka.start, self.nodes))

    def stop(self) -> None:
        """All nodes at once: the last one alone would wait for a leader."""
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(EmbeddedKafka.stop, self.nodes))


def node_properties(number: int, port: int, controllers: Sequence[int]) -> dict[str, str]:
    """What differs from a single node. number: from 1. controllers: their ports, by number.

    >>> node_properties(2, 9092, [7001, 7002])["controller.quorum.voters"]
    '1@127.0.0.1:7001,2@127.0.0.1:7002'
    """
    voters = ",".join(f"{n}@{HOST}:{at}" for n, at in enumerate(controllers, 1))
    ours = controllers[number - 1]
    return {
        "node.id": str(number),
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{ours}",
        "default.replication.factor": str(NODES),
        "min.insync.replicas": str(IN_SYNC_MIN),
        "offsets.topic.replication.factor": str(NODES),
        "transaction.state.log.replication.factor": str(NODES),
        "transaction.state.log.min.isr": str(IN_SYNC_MIN),
    }
