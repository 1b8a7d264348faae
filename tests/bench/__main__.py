"""`make bench`: what Pathline costs, beside a plain Faust agent on the same machine and traffic.

A benchmark, not a test: it prints tables, writes build/bench.json and never fails for a figure.
docs/performance.md says what is measured and how.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import signal
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.backlog import FOLLOW, PATH, drained
from tests.bench.conditions import measure_conditions
from tests.bench.engine import measure_engine
from tests.bench.plain import measure_plain
from tests.bench.report import print_report, to_json
from tests.bench.restart import measure_restart
from tests.bench.rule_costs import measure_rules
from tests.bench.stage import Plan, Stage
from tests.bench.steady import measure_steady

BUILD = Path("build")

# name: (what it does, s that it may take)
PARTS: dict[str, tuple[Callable[[Stage], Awaitable[Any]], int]] = {
    "engine": (lambda stage: measure_engine(stage.plan), 300),
    "conditions": (lambda stage: asyncio.to_thread(measure_conditions), 120),
    "rules": (lambda stage: measure_rules(stage.plan), 300),
    "follow": (lambda stage: drained(stage, FOLLOW), 300),
    "path": (lambda stage: drained(stage, PATH), 300),
    "plain": (measure_plain, 600),
    "steady": (measure_steady, 600),
    "restart": (measure_restart, 300),
}


def parse_options() -> Namespace:
    """--help tells them."""
    parser = ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=_thousands, default=1_000_000, help="in a preloaded topic")
    parser.add_argument("--accounts", type=_thousands, default=10_000)
    parser.add_argument("--plain-events", type=_thousands, default=100_000, help="for plain Faust")
    parser.add_argument("--steady-s", type=int, default=20, choices=range(2, 121), metavar="S",
                        help="at each rate")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME",
                        help=", ".join(PARTS))  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a tenth of it, to see that it runs")
    return parser.parse_args()


def _thousands(text: str) -> int:
    count = int(text)
    if count < 1_000:
        raise ArgumentTypeError(f"{text} is too few to measure anything; at least 1000")
    return count


def draw_plan(options: Namespace, now_ms: int) -> Plan:
    """What the options ask for; the preload's event time ends now."""
    scale = 10 if options.quick else 1
    return Plan(
        events=options.events // scale,
        accounts=options.accounts // scale,
        plain_events=options.plain_events // scale,
        begin_ms=now_ms,
        steady_s=max(2, options.steady_s // scale),
    )


async def run(plan: Plan, names: list[str], console: Console) -> dict[str, Any]:
    """The results of the parts; one that takes too long or breaks is told and has none."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel, asyncio.current_task())
    folder = BUILD / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    stage = Stage(plan, folder.resolve())
    found: dict[str, Any] = {}
    stage.kafka.start()
    try:
        for name in names:
            measure, bound_s = PARTS[name]
            with console.status(f"{name} …"):
                began = time.monotonic()
                try:
                    async with asyncio.timeout(bound_s):
                        found[name] = await measure(stage)
                except TimeoutError:
                    console.print(f"{name}: no figures, it hit its bound of {bound_s} s")
                except Exception:  # the other parts may still have figures
                    console.print_exception()
                    console.print(f"{name}: no figures")
                else:
                    console.print(f"{name}: done in {time.monotonic() - began:.0f} s")
    finally:
        stage.kafka.stop()
    return found


def _cancel(task: asyncio.Task[Any] | None) -> None:
    """SIGTERM ends it as Ctrl-C does: what was started is ended."""
    if task is not None:
        task.cancel()


def main() -> None:
    """Run, print, write."""
    options, console = parse_options(), Console(width=None if sys.stdout.isatty() else 110)
    plan = draw_plan(options, time.time_ns() // 1_000_000)
    load = os.getloadavg()[0]
    console.print(f"{plan.events:,} events, {plan.accounts:,} accounts, 20 rules;"
                  f" {os.cpu_count()} cores, load {load:.1f} before it began")  # fmt: skip
    try:
        found = asyncio.run(run(plan, [n for n in PARTS if n in options.only], console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    print_report(found, console)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load_before": load}
    figures = {"plan": to_json(plan), "machine": machine, **to_json(found)}
    result = BUILD / "bench.json"
    result.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    console.print(f"all figures: {result}")


if __name__ == "__main__":
    main()
