"""`make bench-backtest DATA=DIR`: how fast a backtest is, on the loan log and beside SQL.

A benchmark, not a test: it prints figures, writes build/bench-backtest.json and fails only when SQL
and the engine count differently. docs/performance.md says what is measured.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench_backtest import loans
from tests.bench_backtest.parts import beside_sql, engine_alone, long_run, whole_run

BUILD = Path("build")
LONG = (10_000_000, 100_000)  # events, accounts


def main() -> None:
    """Measure, print, write."""
    parser = ArgumentParser(prog="python -m tests.bench_backtest", description=__doc__)
    parser.add_argument("data", type=Path, help=f"folder with {loans.FILE}")
    more = "ten million synthetic events of 100,000 accounts, too; takes minutes"
    parser.add_argument("--long", action="store_true", help=more)
    options = parser.parse_args()
    file = options.data / loans.FILE
    if not file.is_file():
        sys.exit(f"{file} is not there: say by DATA=DIR where the loan log lies")
    console = Console(width=None if sys.stdout.isatty() else 110)
    folder = BUILD / "bench-backtest"
    load = os.getloadavg()[0]
    found = measure(file, folder, long=options.long)
    console.print(table(found))
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load_before": load}
    result = BUILD / "bench-backtest.json"
    result.write_text(json.dumps({"machine": machine, **found}, indent=2) + "\n", "utf-8")
    console.print(f"all figures: {result}; load {load:.1f} before it began")
    if not found["sql"]["are_equal"]:
        sys.exit("SQL and the engine count differently")


def measure(file: Path, folder: Path, *, long: bool) -> dict[str, Any]:
    """By part."""
    found: dict[str, Any] = {}
    if long:  # first: the others leave something in the memory of this process
        found["long"] = asdict(long_run(folder / "long", *LONG))
    sql = beside_sql(file, folder / "sql")
    return found | {
        "run": asdict(whole_run(file, folder / "run")),
        "engine_events_per_cpu_s": engine_alone(file, folder / "engine", loans.RULES),
        "weighed_events_per_cpu_s": engine_alone(file, folder / "weighed", loans.WEIGHED),
        "sql": asdict(sql) | {"are_equal": sql.are_equal, "ratio": sql.ratio},
    }


def table(found: dict[str, Any]) -> Table:
    """With what is aimed at."""
    run, sql = found["run"], found["sql"]
    shown = Table("", "measured", "aim", box=None)
    shown.add_row(f"loan log, {run['events']:,} events, 20 rules: start to report, s",
                  f"{run['wall_s']:.1f}", "at most 10")  # fmt: skip
    shown.add_row("its CPU, s", f"{run['cpu_s']:.1f}", "")
    shown.add_row("its memory, MiB", f"{run['memory_peak_mib']:,}", "")
    shown.add_row("the engine alone, events per CPU s",
                  f"{found['engine_events_per_cpu_s']:,.0f}", "at least 60,000")  # fmt: skip
    shown.add_row("the same with the momentum of two rules",
                  f"{found['weighed_events_per_cpu_s']:,.0f}", "")  # fmt: skip
    shown.add_row("three patterns: the counts of DuckDB's SQL",
                  "equal" if sql["are_equal"] else "different", "equal")  # fmt: skip
    shown.add_row("time : DuckDB's, one core each, reading included", f"{sql['ratio']:.1f}", "")
    if long := found.get("long"):
        memory = long["memory_mib"]
        shown.add_row(f"{long['events']:,} events of {long['accounts']:,} accounts, MiB at most",
                      f"{max(memory):,}", "under 1,024")  # fmt: skip
        half = memory[len(memory) // 2]
        shown.add_row("the same, end : middle", f"{memory[-1] / half:.2f}", "constant")
        shown.add_row(
            "events/s, making them included", f"{long['events'] / long['wall_s']:,.0f}", ""
        )
    return shown


if __name__ == "__main__":
    main()
