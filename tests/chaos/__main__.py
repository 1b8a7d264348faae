"""`make chaos`: real workers on a real Kafka, faults injected, and the pure engine as the judge.

Prints its seed and a line for each fault, writes build/chaos.json; exit code 1 when a promise is
broken. docs/reliability.md says what is promised and what was measured.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams.broker import EmbeddedKafka
from tests.chaos.finding import Finding
from tests.chaos.play import play
from tests.chaos.registry import FAULTS, Fault
from tests.chaos.report import write
from tests.chaos.stage import JARS, Stage

BUILD = Path("build")
WHOLE_MIN = 20.0
DISK: dict[str, Any] = {"store": "rocksdb", "standbys": 1}


def parse_options() -> Namespace:
    """--help tells them."""
    parser = ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", metavar="F1,F3", help="these faults")
    parser.add_argument("--seed", type=int, help="of all chance; a new one each time")
    parser.add_argument("--minutes", type=float, default=WHOLE_MIN, help="about so long, in all")
    parser.add_argument("--disk", action="store_true", help="tables on disk, with standbys")
    parser.add_argument("--list", action="store_true", help="tell the faults and their stories")
    return parser.parse_args()


def chosen(only: str | None) -> list[Fault]:
    """By name, in the order of the registry; all by default. Ends with a message for a wrong name.

    >>> [fault.name for fault in chosen("F4,F1")]
    ['F1', 'F4']
    """
    names = only.split(",") if only else [fault.name for fault in FAULTS if fault.by_default]
    if unknown := set(names) - {fault.name for fault in FAULTS}:
        sys.exit(f"--only {','.join(sorted(unknown))}: there is no such fault; see --list")
    return [fault for fault in FAULTS if fault.name in names]


async def run(
    faults: Sequence[Fault], seed: int, size: float, **changes: Any
) -> dict[str, Finding]:
    """The findings by name. Faults that mostly wait are played beside the others. changes: of the
    settings.
    """
    me = asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    folder = (BUILD / "chaos").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    stage = Stage(EmbeddedKafka(folder / "kafka", 0, JARS), folder, seed, size, **changes)
    aside = {f.name: asyncio.create_task(play(f, stage)) for f in faults if f.is_aside}
    try:
        found = {fault.name: await play(fault, stage) for fault in faults if not fault.is_aside}
        return found | {name: await task for name, task in aside.items()}
    finally:
        for task in aside.values():
            task.cancel()
        await asyncio.gather(*aside.values(), return_exceptions=True)
        stage.kafka.stop()


def main() -> None:
    """Play, print, write."""
    options = parse_options()
    faults = chosen(options.only)
    if options.list:
        for fault in faults:
            print(f"{fault.name:<8} {fault.story}")
        return
    seed = random.randrange(2**32) if options.seed is None else options.seed
    size = options.minutes / WHOLE_MIN
    print(f"seed {seed}: again with `python -m tests.chaos --seed {seed}`", flush=True)
    logging.getLogger("asyncio").disabled = True  # futures of producers whose broker was killed
    began = time.monotonic()
    try:
        found = asyncio.run(run(faults, seed, size, **(DISK if options.disk else {})))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    write(BUILD / "chaos.json", seed, size, found)
    broken = [name for name, finding in found.items() if finding.broken]
    took = (time.monotonic() - began) / 60
    print(f"{len(found)} faults in {took:.0f} min, seed {seed}: "
          f"{'broken: ' + ', '.join(broken) if broken else 'all promises hold'}")  # fmt: skip
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
