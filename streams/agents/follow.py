"""Follow: from the interactions to state and alerts. The second agent.

It makes the jobs (streams/follow_job.py), one for each partition, under the rules that count there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from models.account import Limits
from models.errors import BadInput
from rules.handover import old_version, with_finishing
from rules.partition import Partition
from streams.announce import Announcer
from streams.control import (
    FEED_KEY,
    MODEL_KEY,
    RULES_KEY,
    Activate,
    UseModel,
    is_control,
    parse_control,
    skew_of,
)
from streams.follow_job import FollowJob
from streams.job import Job, Poison, Record
from streams.keyring import Keyring
from streams.rejects import RejectLimits, Rejects
from streams.seal import Seal
from streams.settings import Settings
from streams.shelf import RuleShelf
from streams.topics import Topics

if TYPE_CHECKING:
    from streams.scorers import Scorers  # brings numpy, which few workers need

NAME = "follow"
AWAKE_AT_ONCE = 200  # accounts made out of their bytes between two looks at other work


class FollowAgent:
    """Makes the jobs of `follow` (streams/runtime.py, Agent). scorers: when there are tasks."""

    name = NAME

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        shelf: RuleShelf,
        keyring: Keyring | None = None,
        scorers: Scorers | None = None,
    ) -> None:
        self.source = topics.interactions.name
        self._scorers = scorers
        self._keyring = keyring
        self._shelf = shelf
        self._dead_letters = topics.dead_letters.name
        self._skew = skew_of(settings)
        self._state_bytes_max = settings.message_bytes_max * 9 // 10  # some is the batch's own
        alerts = (topics.sla_breaches, topics.journey_breaks, topics.signals, topics.shadow_alerts)
        names = {
            t.name.removeprefix(settings.topic_prefix).rpartition(".")[0]: t.name for t in alerts
        }
        self._announcer = Announcer(
            names, topics.alert_state.name, topics.scores.name, self._skew.lateness_ms
        )
        self._reject_limits = RejectLimits(settings.rejects_ratio_max, settings.rejects_in_row_max)
        self._limits = Limits(
            sequence_length=settings.sequence_length_max,
            remembered_ids=settings.remembered_ids_max,
            momentum_step=settings.momentum_step,
        )

    async def make_job(
        self, partition: int, header: Mapping[str, Any], poison: Sequence[Poison]
    ) -> FollowJob:
        """Under the rule set that was active; a partition never opened begins under the wanted one.

        Raises BadSetting and BadRule when that rule set cannot be had.
        """
        source = self.source, partition
        seal = Seal(self._keyring, source, closed=header.get("sealed", False))
        digest, wanted = header.get("digest"), await self._shelf.refresh()
        active = await self._shelf.load(digest) if digest else wanted
        kept = header.get("finishing", {})
        sets = {id: await self._shelf.load(old) for id, old in kept.items()}
        engine = Partition(
            with_finishing(active, kept, lambda id: old_version(sets[id], id)),
            topic=self.source,
            partition=partition,
            lateness_ms=self._skew.lateness_ms,
            limits=self._limits,
        )
        return FollowJob(
            engine,
            self._announcer,
            Rejects(NAME, source, self._dead_letters, self._reject_limits, engine.stats),
            poison,
            wanted_digest=wanted.digest,
            rules_of=self._shelf.loaded,
            seal=seal,
            skew=self._skew,
            state_bytes_max=self._state_bytes_max,
            scores=await self._scorers.make(engine, header) if self._scorers else None,
        )

    async def prepare(self, job: Job, records: Sequence[Record]) -> None:
        """Load the rule sets and models that the records activate. Raises like `make_job`."""
        assert isinstance(job, FollowJob)
        ahead = job.seal.fork()
        models: list[tuple[UseModel, int]] = []
        for record in records:
            if not is_control(record.key) or ahead.check(record):
                continue
            if record.key == RULES_KEY:
                with suppress(BadInput):  # the job sends it to the dead letters
                    control = parse_control(RULES_KEY, record.value)
                    assert isinstance(control, Activate)
                    await self._shelf.load(control.digest)
            if record.key == MODEL_KEY and self._scorers:
                with suppress(BadInput):
                    control = parse_control(MODEL_KEY, record.value)
                    assert isinstance(control, UseModel)
                    models.append((control, record.timestamp))
            if record.key in (RULES_KEY, FEED_KEY):
                await _wake(job.partition)
        if self._scorers and models:
            await self._scorers.load(models)


async def _wake(partition: Partition) -> None:
    """In slices, so that heartbeats and checkpoints of a large partition do not wait."""
    more = True
    while more:
        more = partition.wake(AWAKE_AT_ONCE)
        await asyncio.sleep(0)
