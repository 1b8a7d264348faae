"""What goes wrong in a run, and when: drawn from the seed. Some kinds only, so that each run has a
character of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tests.simulation.site import Site
from tests.simulation.traffic import Traffic
from tests.simulation.worker import Worker

SPELL_S = (0.3, 2.0, 8.0)
PAUSE_S = (0.5, 5.0, 9.0, 16.0)
OUTAGE_S = (0.2, 3.0, 13.0)
JUMPS_MS = (-30_000, -1_000, 1_000, 8_000, 30_000, 90_000)
STEPS = 400
HARMLESS = {
    "join",
    "quiet_feed",
    "rebalance",
    "slow_markers",
    "stop",
    "tired_network",
    "trouble",
}


class Hosts(Protocol):
    """Where workers live."""

    @property
    def workers(self) -> Sequence[Worker]: ...
    def start_worker(self) -> None: ...


class Faults:
    """Each public method is a kind. are_harmless: no worker may end because of those drawn."""

    def __init__(self, site: Site, hosts: Hosts, traffic: Traffic) -> None:
        self._site = site
        self._hosts = hosts
        self._traffic = traffic
        self.are_harmless = True

    def draw(self, until_s: float) -> None:
        """Schedules them; before `until_s` all begin."""
        site, chance = self._site, self._site.chance
        kinds = [name for name in KINDS if chance.random() < 0.4]
        if chance.random() < 0.15:
            kinds = sorted(HARMLESS)
        self.are_harmless = HARMLESS.issuperset(kinds)
        site.note("faults", ", ".join(kinds))
        for _ in range(chance.randint(3, 20) if kinds else 0):
            name = chance.choice(kinds)
            site.loop.call_at(
                chance.uniform(0, until_s), self._begin, name, context=site.loop.outside
            )

    def _begin(self, name: str) -> None:
        self._site.note("fault", name)
        getattr(self, name)()

    def _worker(self) -> Worker | None:
        workers = [worker for worker in self._hosts.workers if not worker.process.is_dead]
        return self._site.chance.choice(workers) if workers else None

    def _later(self, after_s: Sequence[float], callback: Callable[[], None]) -> None:
        loop = self._site.loop
        loop.call_later(self._site.chance.choice(after_s), callback, context=loop.outside)

    def crash(self) -> None:
        """At any await."""
        if worker := self._worker():
            worker.process.steps_left = self._site.chance.randrange(STEPS)

    def crash_in_checkpoint(self) -> None:
        """Between any two calls of a writer."""
        if worker := self._worker():
            worker.process.calls_left = self._site.chance.randrange(12)

    def pause(self) -> None:
        """Longer than the session, perhaps: it wakes up as a zombie."""
        if worker := self._worker():
            worker.process.is_paused = True
            self._later(PAUSE_S, lambda: self._site.loop.wake(worker.process))

    def stop(self) -> None:
        """In good order."""
        if worker := self._worker():
            worker.stopping = True

    def join(self) -> None:
        """One more."""
        if len(self._hosts.workers) < 4:
            self._hosts.start_worker()

    def rebalance(self) -> None:
        self._site.group.rebalance()

    def outage(self) -> None:
        network = self._site.network
        network.is_down, network.fails = True, self._site.chance.random() < 0.5
        self._later(OUTAGE_S, network.repair)

    def tired_network(self) -> None:
        """Slower, and still fast enough for every timeout."""
        self._site.network.slowness = 3.0
        self._later(SPELL_S, self._site.network.repair)

    def slow_network(self) -> None:
        self._site.network.slowness = 40.0
        self._later(SPELL_S, self._site.network.repair)

    def lost_answers(self) -> None:
        self._site.network.lost = 0.05
        self._later(SPELL_S, self._site.network.repair)

    def stuck_calls(self) -> None:
        """Past the timeout of the transaction."""
        self._site.network.stuck = 0.02
        self._later(SPELL_S, self._site.network.repair)

    def slow_markers(self) -> None:
        self._site.broker.marker_slowness = 30.0
        self._later(SPELL_S, self._quicken)

    def trouble(self) -> None:
        """Deliveries are lost, late, or come twice."""
        for worker in self._hosts.workers:
            for consumer in worker.consumers:
                consumer.trouble = 0.3

    def clock_jump(self) -> None:
        if worker := self._worker():
            worker.process.skew_ms += self._site.chance.choice(JUMPS_MS)

    def quiet_feed(self) -> None:
        self._traffic.quiet = self._site.chance.choice(["crm", "web"])
        self._later(SPELL_S, self._wake_feed)

    def _quicken(self) -> None:
        self._site.broker.marker_slowness = 1.0

    def _wake_feed(self) -> None:
        self._traffic.quiet = None

    def heal(self) -> None:
        """All of it is over."""
        self._site.network.repair()
        self._quicken()
        self._wake_feed()
        for worker in self._hosts.workers:
            process = worker.process
            process.steps_left = process.calls_left = None
            process.skew_ms = 0
            if process.is_paused:
                self._site.loop.wake(process)
            for consumer in worker.consumers:
                consumer.trouble = 0.0


KINDS = sorted(name for name in vars(Faults) if name[0] != "_" and name not in ("draw", "heal"))
