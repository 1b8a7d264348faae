"""What a run found, as tables (ratios first) and as JSON.

Times mean little on a shared machine; ratios of parts of the same run mean more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.conditions import OURS, ConditionCost
from tests.bench.drain import Drain
from tests.bench.engine import Cost
from tests.bench.restart import Restart
from tests.bench.rule_costs import RuleCosts
from tests.bench.stage import Site
from tests.bench.steady import Steady

MEGABYTE = 2**20
NAMES = {"follow": "follow", "ingest,follow": "whole path"}
Row = Sequence[str]


def print_report(found: Mapping[str, Any], console: Console) -> None:
    """All tables for which the parts were run."""
    _print(console, "Ratios", ("", "measured", "aim"), _ratios(found))
    _print(
        console,
        "Draining a backlog, from the first event to the last commit",
        ("", "CPU s per million", "aim", "events/s", "memory, MB", "broker's CPU s per million"),
        _drains(found),
    )
    _print(
        console,
        "The engine alone",
        ("rules", "events", "CPU µs per event", "of it decoding"),
        map(_cost, found.get("engine", ())),
    )
    if "conditions" in found:
        costs_of: list[ConditionCost] = found["conditions"]
        title = (
            "One condition, CPU µs : how many times Pathline's (aim: two comparisons under 1 µs)"
        )
        _print(console, title, ("", *costs_of[0].us), map(_condition, costs_of))
    if "rules" in found:
        costs: RuleCosts = found["rules"]
        columns = ("rules", "spread over all types", "all on one type", "of it decoding")
        title = "The engine alone, CPU µs per event by number of rules"
        _print(console, title, columns, map(_by_rules, costs.spread, costs.on_one_type))
    _print(
        console,
        "Steady state: append to alert (aim: p50 under 60 ms, p99 under 300 ms);"
        " changelog bytes per input byte (aim: under 2 on disk at 5,000/s)",
        ("", "events/s", "alerts", "p50 ms", "p99 ms", "CPU of a core", "changelog", "on disk"),
        map(_steady, found.get("steady", ())),
    )
    if "restart" in found:
        columns = ("s, each time", "measured", "aim")
        _print(console, "From start to ready", columns, _restart(found["restart"]))


def to_json(value: Any) -> Any:
    """The same, for programs; alerts are counted.

    >>> to_json({"alerts": Counter("aab")})
    {'alerts': 3}
    """
    match value:
        case Counter():
            return value.total()
        case Site():
            return {"drain": to_json(value.drain), "alerts": to_json(value.alerts)}
        case Drain():
            return {**asdict(value), "cpu_s_per_million": value.cpu_s_per_million}
        case dict():
            return {name: to_json(item) for name, item in value.items()}
        case list():
            return [to_json(item) for item in value]
    if is_dataclass(value):
        return {name: to_json(item) for name, item in vars(value).items()}
    return value


def _ratios(found: Mapping[str, Any]) -> Iterator[Row]:
    sites = {NAMES[found[n].agents]: found[n] for n in ("path", "follow") if n in found}
    for name, site in sites.items():
        for plain, which in zip(
            found.get("plain", ()), ("", ", without its sequence"), strict=False
        ):
            ratio = plain.cpu_s_per_million / site.drain.cpu_s_per_million
            aim = "" if which else "at least 15"
            yield f"plain Faust's CPU{which} : {name}'s", f"{ratio:.1f}", aim
    if "engine" in found:
        engine: Cost = found["engine"][-1]
        for name, site in sites.items():
            ratio = site.drain.cpu_s_per_million / engine.us_per_event
            yield f"{name}'s CPU : the pure engine's", f"{ratio:.2f}", ""
        for name, site in sites.items():
            yield _sameness(name, engine.alerts, site.alerts)
    if "rules" in found:
        yield from _rule_ratios(found["rules"])


def _rule_ratios(costs: RuleCosts) -> Iterator[Row]:
    yield "engine with 500 rules, 10 of them busy : with these 10", f"{costs.ratio:.2f}", "1.3"
    yield "CPU s for the tests of 100 rules, two each", f"{costs.tested_s:.2f}", "under 5"


def _sameness(name: str, expected: Counter[str], alerts: Counter[str]) -> Row:
    """After the backlog the wall clock may add some."""
    missing, later = (expected - alerts).total(), len(alerts.keys() - expected.keys())
    twice = alerts.total() - len(alerts)
    return (
        f"{name}'s alerts: missing, twice, later ones by ticks",
        f"{missing}, {twice}, {later} of {alerts.total():,}",
        "0, 0",
    )


def _drains(found: Mapping[str, Any]) -> Iterator[Row]:
    if "follow" in found:
        yield _drain("follow", found["follow"].drain, "at most 25")
    if "path" in found:
        yield _drain("whole path", found["path"].drain, "at most 45")
    names = ("plain Faust", "plain Faust, no sequence")
    for name, drain in zip(names, found.get("plain", ()), strict=False):
        yield _drain(name, drain, "")


def _drain(name: str, drain: Drain, aim: str) -> Row:
    return (
        name,
        f"{drain.cpu_s_per_million:.1f}",
        aim,
        f"{drain.events / drain.wall_s:,.0f}",
        f"{drain.rss_max_bytes / MEGABYTE:.0f}",
        f"{drain.broker_cpu_s / drain.events * 1e6:.1f}",
    )


def _cost(cost: Cost) -> Row:
    decoding = f"{cost.decode_s / cost.events * 1e6:.1f}"
    return f"{cost.rules}", f"{cost.events:,}", f"{cost.us_per_event:.1f}", decoding


def _condition(cost: ConditionCost) -> Row:
    ours = cost.us[OURS]
    return (cost.name, *(f"{us:.2f} : {us / ours:.0f}" for us in cost.us.values()))


def _by_rules(spread: Cost, on_one_type: Cost) -> Row:
    figures = (spread.us_per_event, on_one_type.us_per_event, spread.decode_s / spread.events * 1e6)
    return (f"{spread.rules}", *(f"{us:.1f}" for us in figures))


def _steady(steady: Steady) -> Row:
    disk = steady.changelog_disk_bytes
    return (
        NAMES[steady.agents],
        f"{steady.rate:,}",
        f"{steady.samples:,}",
        f"{steady.p50_ms:.0f}",
        f"{steady.p99_ms:.0f}",
        f"{steady.cpu_ratio:.0%}",
        f"{steady.changelog_bytes / steady.bytes_in:.2f}",
        "compacted meanwhile" if disk is None else f"{disk / steady.bytes_in:.2f}",
    )


def _restart(restart: Restart) -> Iterator[Row]:
    for what, times, aim in (
        ("start to ready", restart.started_s, ""),
        ("kill -9 under load to ready", restart.killed_s, "under 5"),
    ):
        yield what, ", ".join(f"{s:.1f}" for s in sorted(times)), aim
    yield "(changelog records that a start reads)", f"{restart.changelog_records:,}", ""


def _print(console: Console, title: str, columns: Row, rows: Iterator[Row] | map[Row]) -> None:
    listed = list(rows)
    if listed:
        table = Table(title=title, title_justify="left")
        for i, column in enumerate(columns):
            table.add_column(column, justify="right" if i else "left")
        for row in listed:
            table.add_row(*row)
        console.print(table)
