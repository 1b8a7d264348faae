"""A cluster of three brokers, every topic on all of them: CLUSTER."""

from __future__ import annotations

import asyncio

from streams.kafka.cluster import NODES, KafkaCluster
from tests.chaos.brokers import RESUME_S_MAX, resumed_s
from tests.chaos.finding import Finding
from tests.chaos.stage import JARS, Stage


async def one_of_three(stage: Stage) -> Finding:
    """CLUSTER. Three brokers, replication 3, two must agree. Each in turn is killed under load and
    comes back. The others go on at once: what was acknowledged is on two of them.
    """
    found = Finding("each of 3 brokers killed in turn, under load, for 6 s")
    cluster = KafkaCluster(stage.folder / "kafka-cluster", JARS)
    try:
        await asyncio.to_thread(cluster.start)
        async with stage.site("CLUSTER", cluster, replication=NODES) as site:
            worker = await site.ready()
            async with site.load(accounts=500, rate=stage.scaled(1_500)):
                found.recovery_s = 0
                for node in cluster.nodes:
                    await worker.applies(200)
                    await asyncio.to_thread(node.kill)
                    found.recovery_s = max(found.recovery_s, await resumed_s(site))
                    await asyncio.sleep(6)
                    await asyncio.to_thread(node.start)
                    await asyncio.sleep(3)  # until it is in sync again
            found.bound("resumed", found.recovery_s, RESUME_S_MAX)
            found.figures["exits"] = list(worker.exits)
            return await site.settle(found)
    finally:
        await asyncio.to_thread(cluster.stop)
