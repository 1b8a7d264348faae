"""One run: a seed's workers, traffic and faults; then it heals, drains, stops, and is judged."""

from __future__ import annotations

from traceback import format_exc
from typing import NamedTuple
from unittest import mock

from streams import runtime
from streams.checkpoint import BROKEN
from streams.shelf import RuleShelf
from tests.simulation.breakage import breakable
from tests.simulation.faults import Faults
from tests.simulation.judge import judge
from tests.simulation.network import BrokerError
from tests.simulation.notes import logged
from tests.simulation.plants import NONE, Plant
from tests.simulation.process import Died, Process
from tests.simulation.rule_books import BOOKS, book, compiled_once
from tests.simulation.site import Site
from tests.simulation.traffic import Traffic
from tests.simulation.worker import Worker

TROUBLED_S = (8.0, 20.0, 30.0)
QUIET_S = 5.0  # what is due falls due
DRAIN_S_MAX = 60.0
LIVES_MAX = 60  # of workers in a run; more is a crash loop
NOTABLE = {  # as the trace says it
    "killed",
    "killed inside a checkpoint",
    "checkpoint failed: BrokerError('fenced')",
    "checkpoint failed: BrokerError('no answer came')",
    "checkpoint failed: TimeoutError()",
    "nobody is reached",
    "reading again from there",
    "nothing arrives after",
    "the engine failed at",
    "an account is in quarantine",
    "is stale",
    "loaded from",
    "pathline.dead-letters",
    "pathline.journey-breaks",
    "pathline.sla-breaches",
    "pathline.signals",
}
LINES = 40  # of the trace, for whoever looks for the fault


class Report(NamedTuple):
    """faults: empty when all is well. trace: all that happened, or its end. steps: of the loop.
    seen: which of NOTABLE there was.
    """

    seed: int
    faults: list[str]
    trace: str
    steps: int
    seen: frozenset[str]

    def __str__(self) -> str:
        faults = "\n".join(f"  {fault}" for fault in self.faults)
        return (
            f"seed {self.seed} fails; see it again with\n"
            f"    python -m tests.simulation --seed {self.seed}\n{faults}\n"
            f"the last steps:\n{self.shortened().trace}"
        )

    def shortened(self) -> Report:
        """With the last steps only."""
        return self._replace(trace="\n".join(self.trace.splitlines()[-LINES:]))


class Run:
    """A seed's world."""

    def __init__(self, site: Site) -> None:
        self.workers: list[Worker] = []
        self.shelves: list[RuleShelf] = []
        self._site = site
        self._lives = 0
        self._is_ending = False
        chance = site.chance
        self._books = [book(n) for n in chance.sample(range(BOOKS), chance.choice([1, 1, 2]))]
        self.troubled_s = chance.choice(TROUBLED_S)
        self.traffic = Traffic(site, self.troubled_s)
        self.faults = Faults(site, self, self.traffic)

    def start_worker(self) -> None:
        """With any of the rule sets: upgrades are under way."""
        site = self._site
        if self._is_ending:
            return
        assert self._lives < LIVES_MAX, "workers die again and again"
        self._lives += 1
        process = Process(f"w{self._lives}", self._bury)
        own = RuleShelf(site.chance.choice(self._books), site.topics.rules.name, self._fetch)
        self.shelves.append(own)
        worker = Worker(site, process, own)
        self.workers.append(worker)
        site.note(process.name, f"starts with the rules {own.own.digest[:4]}")
        worker.start()

    async def _fetch(self, digest: str) -> bytes | None:
        known = {book.digest: book.content for book in self._books}
        await self._site.network.ask(lambda: None)
        return known.get(digest)

    def _bury(self, process: Process, code: int, why: str) -> None:
        """It died; somebody starts another, as a supervisor does."""
        site = self._site
        site.note(process.name, f"ends with {code}: {why}")
        self.workers = [worker for worker in self.workers if worker.process is not process]
        if code not in (0, -9, BROKEN):
            site.faults.append(f"{process.name} refuses: {why}")
        if code == BROKEN and self.faults.are_harmless:
            site.faults.append(f"{process.name} ends for no reason: {why}")
        if not self._is_ending and len(self.workers) < 3:
            site.loop.call_later(
                site.chance.uniform(0.1, 3), self.start_worker, context=site.loop.outside
            )

    def live(self) -> None:
        """Trouble, healing, draining, a stop in good order."""
        loop = self._site.loop
        for _ in range(self._site.chance.randint(1, 3)):
            self.start_worker()
        self.faults.draw(self.troubled_s)
        self._pass(self.troubled_s)
        self.faults.heal()
        self._site.note("faults", "healed")
        self._pass(max(0.0, self._site.network.stuck_until_s - loop.now_s))
        self._drain()
        self._pass(QUIET_S)
        self._drain()
        self._is_ending = True
        for worker in self.workers:
            worker.stopping = True
        loop.run_until(lambda: not self.workers and not self._site.broker.has_open())

    def _drain(self) -> None:
        loop = self._site.loop
        give_up_s = loop.now_s + DRAIN_S_MAX
        while not self._is_drained():
            assert loop.now_s < give_up_s, "it does not drain"
            self._pass(1.0)

    def _pass(self, seconds: float) -> None:
        """Time goes on for so long."""
        loop = self._site.loop
        passed: list[bool] = []
        loop.call_later(seconds, passed.append, True, context=loop.outside)
        loop.run_until(lambda: bool(passed))

    def _is_drained(self) -> bool:
        """All is read and told, and the partitions have owners."""
        site = self._site
        shards = [
            (runtime.agent.source, partition, shard)
            for worker in self.workers
            for runtime in worker.runtimes
            for partition, shard in runtime.shards.items()
            if shard.ready
        ]
        return len(shards) == 2 * site.settings.partitions and all(
            shard.committed == shard.next == shard.kept.next == site.broker.logs[topic, p].end
            for topic, p, shard in shards
        )


def simulate(seed: int, plant: Plant = NONE, *, watches: bool = True) -> Report:
    """The same seed gives the same trace."""
    site = Site(seed, plant, watches=watches)
    with (
        breakable(),
        compiled_once(),
        mock.patch.object(runtime, "SLICE_RECORDS", 5),
        plant.patch(),
        logged(site),
    ):
        run = Run(site)
        try:
            run.live()
            site.faults += map(repr, site.loop.unexpected((Died, BrokerError, TimeoutError)))
            site.faults += [] if site.faults else judge(site, run.shelves)
        except Exception:
            site.faults.append(format_exc())
        finally:
            site.loop.bury()
    trace = site.tell(len(site.trace))
    seen = frozenset(what for what in NOTABLE if what in trace)
    return Report(seed, site.faults, trace, site.loop.steps, seen)
