"""Tables on disk: a start from the copy, and a takeover by a standby: F19R, F19RM."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.bench.rules import RULES
from tests.chaos.finding import Finding
from tests.chaos.kept import Kept
from tests.chaos.recovery import ACCOUNTS_PER_S, MILLION, fill
from tests.chaos.site import READY_S_MAX, SESSION_S, Site
from tests.chaos.stage import Stage

SIZE = 200_000
TAKEOVER_S_MAX = SESSION_S + 10  # nobody knows of a death before its session is over
TAIL_MAX = 1_000  # records: fences, positions, the newest checkpoints
PATIENCE_S = 300.0
READ = "pathline_changelog_records_total"


async def recovery_from_disk(stage: Stage) -> Finding:
    """F19R. A worker whose copy has 200,000 accounts is killed and starts again; then one of two
    is killed for good, and the other takes its partitions over. Both read only what is new.
    """
    return await recover(stage, SIZE)


async def recovery_of_a_million_from_disk(stage: Stage) -> Finding:
    """F19RM. The same with a million accounts, not by default."""
    return await recover(stage, MILLION)


async def recover(stage: Stage, size: int) -> Finding:
    """One worker, then two."""
    found = Finding(f"start from disk, and takeover by a standby, with {size:,} accounts")
    async with stage.site("F19R", rules=RULES, store="rocksdb", standbys=1) as site:
        await fill(site.settings, size)
        host = site.start("host")
        found.figures["first_s"] = round(await host.ready(PATIENCE_S), 2)
        found.figures["first_read"] = recovered(host)
        bound_s = READY_S_MAX + size / ACCOUNTS_PER_S
        found.bound("restart_s", await host.kill(), bound_s)
        found.bound("restart_read", recovered(host), TAIL_MAX, "records")
        found.figures["rss_mb"] = round(host.rss_mb())
        await _take_over(site, host, found)
        accounts = (await site.workers["guest"].readings())["pathline_accounts"]
        found.promise(accounts == size, f"{accounts:,.0f} of {size:,} accounts are there")
    return found


async def _take_over(site: Site, host: Kept, found: Finding) -> None:
    """A second worker comes, and when both have copies of all the first one dies."""
    guest = site.start("guest")
    half, whole = site.settings.partitions, 2 * site.settings.partitions
    for worker in (guest, host):
        await worker.wait_until(lambda w=worker: holds(w, half), PATIENCE_S)  # type: ignore[misc]
        await worker.wait_until(lambda: stand_by([host, guest], half), PATIENCE_S)
    before = recovered(guest)
    await host.end()
    died_s = time.monotonic()
    await guest.wait_until(lambda: holds(guest, whole), PATIENCE_S)
    found.recovery_s = time.monotonic() - died_s
    found.bound("takeover_s", found.recovery_s, TAKEOVER_S_MAX)
    found.figures["takeover_s_after_session"] = round(found.recovery_s - SESSION_S, 2)
    found.bound("takeover_read", recovered(guest) - before, TAIL_MAX, "records")


async def holds(worker: Kept, partitions: int) -> bool:
    """So many are ready, of both agents together."""
    readings = await worker.readings()
    return readings.get("pathline_partition_ready", 0) == partitions


async def stand_by(workers: Sequence[Kept], partitions: int) -> bool:
    """Each has what the other has: copies of all partitions that are not its own."""
    for worker in workers:
        lags = worker.worker.samples("pathline_standby_lag_records")
        if len(lags) < partitions or max(lags) > TAIL_MAX:
            return False
    return True


def recovered(worker: Kept) -> float:
    """Changelog records that it has read to recover, since it started."""
    return worker.worker.reading(READ, purpose="recovery")
