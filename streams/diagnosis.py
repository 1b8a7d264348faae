"""What is wrong with an installation, and what to do about it: the checks of `pathline doctor`.

Off the data path; reads only. Each check is one line: what was looked at, what was found, and a
hint when it is not as it should be.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from models.errors import Unavailable
from streams.connection import connect
from streams.kafka.admin import check_topics
from streams.reader import open_reader
from streams.record_text import shown
from streams.settings import Settings
from streams.topics import Topics

LAG_RECORDS_MAX = 10_000  # of one partition; a worker reads so many in less than a second
ANSWER_TIMEOUT_S = 2
BODY_BYTES_MAX = 1_000_000
ATTEMPTS, PAUSE_S = 20, 0.25


class Verdict(StrEnum):
    """How a check ended."""

    FINE = "fine"
    WRONG = "wrong"


@dataclass(frozen=True)
class Check:
    """hint: what to do; empty when all is fine."""

    name: str
    verdict: Verdict
    found: str
    hint: str = ""


class Readiness(msgspec.Struct):
    """What /readyz says when it is not."""

    faults: list[str]


async def diagnose(settings: Settings) -> list[Check]:
    """All checks, in the order in which one needs the other. Raises Unavailable: no broker."""
    topics = await check_topics(settings)
    checks = [Check("broker", Verdict.FINE, f"{settings.broker} answers")]
    checks += [
        Check("topic", Verdict.WRONG, f"{f.topic}: {f.setting} is {f.found}, not {f.expected}",
              f.mend)
        for f in topics
    ]  # fmt: skip
    if not topics:
        count = len(list(Topics(settings)))
        checks.append(Check("topics", Verdict.FINE, f"{count} topics, set as they should be"))
    checks.append(await asyncio.to_thread(check_worker, settings))
    if not any(finding.setting == "topic" for finding in topics):
        checks += await check_lag(settings)
    return checks


def check_worker(settings: Settings) -> Check:
    """Whether the worker's /readyz says that tables are recovered and rules loaded."""
    where = f"{settings.metrics_host}:{settings.metrics_port}"
    try:
        status, told = ask_worker(settings, "/readyz")
    except Unavailable as error:
        hint = (
            "Start one with `pathline worker`; if it runs elsewhere, set PATHLINE_METRICS_HOST and"
            " PATHLINE_METRICS_PORT to where its /readyz is."
        )
        return Check("worker", Verdict.WRONG, str(error), hint)
    if status == http.client.OK:
        return Check("worker", Verdict.FINE, f"ready at {where}: tables recovered, rules loaded")
    hint = "It recovers its tables and opens its partitions; if this lasts, its log says why."
    return Check("worker", Verdict.WRONG, f"not ready at {where}: {_faults(told)}", hint)


def _faults(body: str) -> str:
    """
    >>> _faults('{"ok":false,"faults":["follow/1 is not open yet"]}')
    'follow/1 is not open yet'
    """
    try:
        return "; ".join(msgspec.json.decode(body, type=Readiness).faults)
    except msgspec.DecodeError:  # something else listens there
        return shown(body)


def ask_worker(settings: Settings, path: str) -> tuple[int, str]:
    """Status and body of a page of the worker. Raises Unavailable when none answers."""
    host, port = settings.metrics_host, settings.metrics_port
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(BODY_BYTES_MAX).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"no worker answers at {host}:{port} ({error})") from None
    finally:
        connection.close()


async def check_lag(settings: Settings) -> list[Check]:
    """How far each agent is behind in each partition, in records. Raises Unavailable."""
    topics = Topics(settings)
    agents = {topics.raw.name: "ingest", topics.interactions.name: "follow"}
    if settings.scores:
        agents[topics.examples.name] = "learn"
    async with connect(settings) as admin:
        positions = await load_positions(admin, settings.app_id)
    async with open_reader(settings, *agents) as reader:
        lags = {
            place: end - positions.get(place, reader.begins[place])
            for place, end in sorted(reader.ends.items())
        }
    return list(tell_lags(agents, lags, positions))


async def load_positions(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, int]:
    """The offsets that a group has committed. Raises Unavailable.

    A broker that has never had a group makes the topic for them first, so it is asked again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            committed = await admin.list_consumer_group_offsets(group)
            return {place: o.offset for place, o in committed.items() if o.offset >= 0}
        except KafkaError as error:
            if attempt == ATTEMPTS or not error.retriable:
                raise Unavailable(f"the group {group} cannot be read: {error!r}") from None
            await asyncio.sleep(PAUSE_S)
    raise AssertionError("the last attempt returns or raises")


def tell_lags(
    agents: dict[str, str], lags: dict[TopicPartition, int], positions: dict[TopicPartition, int]
) -> Iterator[Check]:
    for topic, agent in agents.items():
        mine = {place: lag for place, lag in lags.items() if place.topic == topic}
        by_partition = ", ".join(f"{place.partition}: {lag:,}" for place, lag in mine.items())
        found = f"{sum(mine.values()):,} records behind ({by_partition})"
        if any(mine.values()) and not any(place in positions for place in mine):
            hint = f"The agent has committed nothing yet as {topic}'s reader: has a worker run?"
            yield Check(f"lag {agent}", Verdict.WRONG, found, hint)
        elif max(mine.values(), default=0) > LAG_RECORDS_MAX:
            hint = "Look again: if it does not fall, add a worker (up to one per partition)."
            yield Check(f"lag {agent}", Verdict.WRONG, found, hint)
        else:
            yield Check(f"lag {agent}", Verdict.FINE, found)
