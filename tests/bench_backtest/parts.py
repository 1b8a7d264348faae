"""What of a backtest is measured: start to report, the engine alone, beside SQL, a long run.

Ratios of one run mean more than times: all parts meet the same machine.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from models.account import Limits
from models.event import Event
from rules.loader import load
from streams.backtest.bad_rows import BadRows
from streams.backtest.file_input import FileInput
from streams.backtest.lane import Lane
from streams.backtest.outcome import firings
from streams.backtest.plan import Plan
from streams.backtest.processes import LaneProcesses, replay
from streams.backtest.request import Request, make_request
from streams.backtest.runner import execute, plan_of
from streams.codec import RawLimits, parse_event
from streams.collector import uncollected
from streams.settings import Settings
from tests.bench.rules import RULES as TRAFFIC_RULES
from tests.bench.rules import write_rules
from tests.bench.traffic import traffic
from tests.bench_backtest import loans
from tests.bench_backtest.sql import count_patterns

COMMAND = [sys.executable, "-c", "from streams.cli import main; main()", "backtest"]
LOOK_EVERY = 500_000  # events between two looks at the memory
MIB = 1 << 20


@dataclass
class WholeRun:
    """wall_s: of `pathline backtest`, from its start to its end, the report included. cpu_s: of all
    its processes, which a busy machine moves less.
    """

    wall_s: float
    cpu_s: float
    events: int
    alerts: int
    engine_events_per_cpu_s: int
    memory_peak_mib: int


def whole_run(file: Path, folder: Path) -> WholeRun:
    """20 rules on 2 processes, held against an outcome."""
    mapping, rules = loans.write_inputs(folder)
    words = ["--from", file, "--map", mapping, "--rules", rules, "--out", folder / "out",
             "--processes", 2, "--outcome", loans.OUTCOME]  # fmt: skip
    began, used = time.perf_counter(), children_cpu_s()
    subprocess.run([*COMMAND, *map(str, words)], check=True, capture_output=True)
    wall_s = time.perf_counter() - began
    assert (folder / "out/report.html").stat().st_size > 0
    summary = json.loads((folder / "out/summary.json").read_bytes())
    return WholeRun(
        wall_s,
        children_cpu_s() - used,
        summary["events"],
        sum(sum(states.values()) for states in summary["alerts"].values()),
        summary["cost"]["engine_events_per_cpu_s"],
        summary["cost"]["memory_peak_mib"],
    )


def children_cpu_s() -> float:
    """Of the processes that were started and have ended, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def engine_alone(file: Path, folder: Path, rules: Sequence[dict[str, Any]]) -> float:
    """Events per CPU second of one lane: decisions and writing what they say, without reading."""
    request = _request(file, folder, rules)
    events = _events(request)
    plan = plan_of(request, "loans", folder)
    with uncollected():
        lane = Lane(plan, "0")
        began = time.process_time()
        lane.apply(events)
        return len(events) / (time.process_time() - began)


def _request(file: Path, folder: Path, rules: Sequence[dict[str, Any]]) -> Request:
    mapping, rules_folder = loans.write_inputs(folder, rules)
    settings = Settings()
    return make_request(settings, load(rules_folder, settings.calendars), [str(file)], mapping)


def _events(request: Request) -> list[Event]:
    bad = BadRows(Path("/dev/null"))
    events = list(FileInput(request.files, request.mapping, bad, RawLimits(MIB, 0)))
    for place, event in enumerate(events):
        event.offset = place
    return events


@dataclass
class BesideSql:
    """The same three patterns. read_s: the file; judge_s: the patterns; one core each."""

    counts: dict[str, int]
    sql_counts: dict[str, int]
    read_s: float
    judge_s: float
    sql_read_s: float
    sql_judge_s: float

    @property
    def are_equal(self) -> bool:
        return self.counts == self.sql_counts

    @property
    def ratio(self) -> float:
        """Pathline's time : DuckDB's, reading included."""
        return (self.read_s + self.judge_s) / (self.sql_read_s + self.sql_judge_s)


def beside_sql(file: Path, folder: Path) -> BesideSql:
    request = _request(file, folder, loans.SQL_RULES)
    ran = execute(request, folder / "sql")
    found = dict(firings(ran.alerts).group_by("rule").len().collect().iter_rows())
    sql_counts, sql_read_s, sql_judge_s = count_patterns(file, threads=1)
    return BesideSql(found, sql_counts, ran.wall_s - ran.cpu_s, ran.cpu_s, sql_read_s, sql_judge_s)


@dataclass
class LongRun:
    """memory_mib: of all processes, every 500,000 events."""

    events: int
    accounts: int
    wall_s: float
    memory_mib: list[int]
    alerts: int


def long_run(folder: Path, events: int, accounts: int) -> LongRun:
    """Synthetic events straight into two lanes: a file of them would be larger than the memory."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    book = load(write_rules(folder / "rules", TRAFFIC_RULES[:3]), settings.calendars)
    plan = Plan(book.content, "synthetic", "long", folder, 10_000, Limits())
    memory: list[int] = []

    def look(count: int) -> bool:
        if count % LOOK_EVERY == 0:
            memory.append(memory_mib())
            print(f"  {count:,} events, {memory[-1]} MiB", flush=True)
        return False

    began = time.perf_counter()
    with LaneProcesses(plan, 2) as lanes:
        found = replay(lanes, _synthetic(events, accounts), None, look)
    alerts = sum(lane.told["alerts"] for lane in found.lanes)
    known = sum(lane.accounts for lane in found.lanes)
    return LongRun(found.events, known, time.perf_counter() - began, memory, alerts)


def _synthetic(events: int, accounts: int) -> Iterator[Event]:
    for place, (_, value) in enumerate(traffic(events, accounts)):
        yield parse_event(value, place)


def memory_mib() -> int:
    """Resident, of this process and those that it started."""
    own = psutil.Process()
    return sum(one.memory_info().rss for one in [own, *own.children(recursive=True)]) // MIB
