"""One partition of a topic of interactions, through `FollowJob` as the worker would run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from aiokafka import TopicPartition

from rules.loader import parse
from rules.ruleset import RuleSet
from streams.agents.follow import FollowAgent
from streams.backtest.bad_rows import BadRows
from streams.backtest.file_input import Span
from streams.backtest.parts import Parts
from streams.backtest.plan import Plan
from streams.backtest.telling import Names, PartitionResult, Telling
from streams.follow_job import FollowJob
from streams.job import Poison
from streams.keyring import load_keyring
from streams.reader import Reader, open_reader
from streams.settings import Settings
from streams.shelf import RuleShelf, fetch_from
from streams.topics import Topics

LOOK_EVERY = 500  # records
Look = Callable[[int, int], bool]
"""Told of so many more events and records; True: stop here."""


class Task(NamedTuple):
    """What one process is to do. span: of append times, ms."""

    settings: Settings
    plan: Plan
    partitions: list[int]
    span: Span
    run_until_ms: int | None
    as_live: bool


class OneSet(RuleShelf):
    """The set that is asked about; whatever the log activates, it stays."""

    def loaded(self, digest: str) -> RuleSet:
        return self.own

    async def load(self, digest: str) -> RuleSet:
        return self.own

    async def refresh(self) -> RuleSet:
        return self.own


class LoggedSets(RuleShelf):
    """It begins under the set that is asked about, and goes on as the log says."""

    async def refresh(self) -> RuleSet:
        return self.own


async def play_partition(task: Task, partition: int, look: Look) -> PartitionResult:
    """From its beginning (or `span`) to its end as it is now.

    What breaks the engine is set aside, as live, and the partition read once more.
    """
    poison: list[Poison] = []
    while True:
        done = [0, 0]

        def forward(events: int, records: int, done: list[int] = done) -> bool:
            done[0] += events
            done[1] += records
            return look(events, records)

        try:
            return await _play(task, partition, poison, forward)
        except Poison as found:
            poison.append(found)
            look(-done[0], -done[1])


async def _play(task: Task, partition: int, poison: list[Poison], look: Look) -> PartitionResult:
    plan, topics, name = task.plan, Topics(task.settings), f"p{partition}"
    agent = make_agent(task, topics)
    job = await agent.make_job(partition, {}, poison)
    parts, bad = Parts(plan.folder, name, plan.run), BadRows(plan.folder / f"bad.{name}")
    bad.path.unlink(missing_ok=True)
    telling = Telling(partition, job, names_of(task.settings), parts, bad, plan.outcome)
    try:
        async with open_reader(task.settings, plan.topic) as reader:
            place = TopicPartition(plan.topic, partition)
            await reader.seek_time([place], task.span.since or 0)
            stopped = await _read(task, reader, agent, job, telling, look)
        if task.run_until_ms is not None and not stopped:
            telling.tick(task.run_until_ms)
    finally:
        parts.close()
        bad.close()
    return telling.result(name)


async def _read(
    task: Task, reader: Reader, agent: FollowAgent, job: FollowJob, telling: Telling, look: Look
) -> bool:
    """True when it was stopped."""
    until = task.span.until
    records = events = 0
    async for record in reader.to_end():
        if until is not None and record.timestamp >= until:
            break
        await agent.prepare(job, [record])
        telling.apply(record)
        records += 1
        if records == LOOK_EVERY:
            fresh, records = telling.counts["events"] - events, 0
            events += fresh
            if look(fresh, LOOK_EVERY):
                return True
    look(telling.counts["events"] - events, records)
    return False


def make_agent(task: Task, topics: Topics) -> FollowAgent:
    """Like the worker's, but it never gives up for too many bad records.

    Learned scores would come in here, as its `scorers`; without, it scores momentum alone.
    """
    patient = {"rejects_ratio_max": 1.0, "rejects_in_row_max": 2**62}
    settings = task.settings.model_copy(update=patient)
    keyring = load_keyring(settings.control_key_file)
    shelf = LoggedSets if task.as_live else OneSet
    fetch = fetch_from(settings, topics.rules.name, keyring)
    book = parse(task.plan.content)
    agent = FollowAgent(settings, topics, shelf(book, topics.rules.name, fetch), keyring)
    agent.source = task.plan.topic
    return agent


def names_of(settings: Settings) -> Names:
    """Where live would tell what."""
    topics = Topics(settings)
    alerts = {
        t.name: t.name.removeprefix(settings.topic_prefix).rpartition(".")[0]
        for t in (topics.sla_breaches, topics.journey_breaks, topics.signals, topics.shadow_alerts)
    }
    return Names(alerts, topics.scores.name, topics.dead_letters.name)
