"""All faults, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.chaos import (
    brokers,
    clusters,
    disks,
    inputs,
    kills,
    loads,
    logs,
    quotas,
    recovery,
    soak,
    storms,
    times,
    upgrades,
)
from tests.chaos.finding import Finding
from tests.chaos.stage import Stage


class Fault(NamedTuple):
    """name: F1 to F24 are those of docs/reliability.md. bound_s: it may take no longer. is_aside:
    it mostly waits, so it is played beside the others. by_default: part of `make chaos`.
    """

    name: str
    play: Callable[[Stage], Awaitable[Finding]]
    bound_s: float = 240
    is_aside: bool = False
    by_default: bool = True

    @property
    def story(self) -> str:
        """Its docstring, as one line."""
        return " ".join((self.play.__doc__ or "").split())


FAULTS = (
    Fault("F1", kills.kill_nine),
    Fault("F2", kills.die_in_checkpoints),
    Fault("F3", storms.rebalance_storm, 420),
    Fault("F4", storms.zombie),
    Fault("F5", brokers.broker_falters, 300),
    Fault("F6", brokers.broker_away, 900, is_aside=True),
    Fault("F7", brokers.transaction_times_out),
    Fault("F8", inputs.few_poison),
    Fault("F9", inputs.only_poison),
    Fault("F10", inputs.bug_of_one_account),
    Fault("F11", inputs.huge),
    Fault("F12", inputs.disorder),
    Fault("F13", times.clocks_go_wrong),
    Fault("F14", times.due_while_down),
    Fault("F15", quotas.slow_sink),
    Fault("F16", brokers.disk_full),
    Fault("F17", logs.log_was_cut),
    Fault("F18", logs.changelog_is_garbled),
    Fault("F19", recovery.cold_recovery, 300),
    Fault("F19M", recovery.cold_recovery_of_a_million, 1_200, by_default=False),
    Fault("F19R", disks.recovery_from_disk, 400),
    Fault("F19RM", disks.recovery_of_a_million_from_disk, 1_200, by_default=False),
    Fault("F20", upgrades.rolling_upgrade),
    Fault("F21", logs.partitions_grow),
    Fault("F22", soak.soak, 5_400, by_default=False),
    Fault("F23", times.idle_then_burst, is_aside=True),
    Fault("F24", kills.stop_politely),
    Fault("CLUSTER", clusters.one_of_three, 300),
    Fault("OVERLOAD", loads.overload, 900),
    Fault("HOT", loads.hot_account),
    Fault("LATENCY", loads.latency, 400),
)
