"""How a run of the demo ended: figures for a person and for a program."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from models.alert import State
from streams.demo.feed import ACCOUNTS, BROKEN, Feed
from streams.demo.tally import Planted, Tally
from streams.simulator import cast


class Summary(NamedTuple):
    """total_s: how long the whole demo took, with Kafka's start."""

    feed: Feed
    tally: Tally
    total_s: float

    @property
    def planted(self) -> Planted:
        return self.tally.planted(cast(ACCOUNTS))

    @property
    def is_right(self) -> bool:
        """What must hold on every machine: planted signals, dead letters, nothing said twice."""
        dead = self.tally.dead_letters == Counter(BROKEN.keys())
        return self.planted.is_right and dead and not self.tally.repeated


def summary_json(summary: Summary) -> dict[str, Any]:
    """One object; ms and s as the names say."""
    feed, tally = summary.feed, summary.tally
    latency = tally.latency()
    return {
        "events": {
            "service_desk": feed.desk,
            "simulated": feed.simulated,
            "broken": len(BROKEN),
            "first": feed.span[0],
            "last": feed.span[1],
            "log_moved_weeks": feed.weeks,
        },
        "alerts": [
            {"kind": kind, "rule": rule, "state": state, "count": count}
            for (kind, rule, state), count in sorted(tally.alerts.items())
        ],
        "repeated_alerts": tally.repeated,
        "planted": summary.planted._asdict(),
        "dead_letters": tally.dead_letters,
        "append_to_alert": latency._asdict() if latency else None,
        "events_per_s": round(len(feed.events) / summary.tally.sent_s),
        "total_s": round(summary.total_s, 1),
        "right": summary.is_right,
    }


def summary_text(summary: Summary) -> Group:
    """Events, alerts by kind and rule, and what the figures mean."""
    feed, tally, planted = summary.feed, summary.tally, summary.planted
    first, last = feed.span
    dead = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.dead_letters.items()))
    lines = [
        f"Events in: {len(feed.events) + len(BROKEN):,}: {feed.desk:,} of a real service desk's"
        f" log, {feed.simulated:,} of {ACCOUNTS} simulated accounts, {len(BROKEN)} broken on"
        " purpose.",
        f"Event times: {first:%Y-%m-%d} to {last:%Y-%m-%d}; the log of 2016 was moved by"
        f" {feed.weeks} weeks, so that it ends with the simulation.",
        f"Planted signals: {planted.found} of {planted.signals} found; near misses:"
        f" {planted.false} of {planted.misses} fired.",
        f"Dead letters: {tally.dead_letters.total()} ({dead or 'none'}). Alerts said twice:"
        f" {tally.repeated}.",
        _latency_line(summary),
        f"The whole demo took {summary.total_s:.0f} s.",
    ]
    verdict = (
        Text("All is as it should be.", "bold green")
        if summary.is_right
        else Text("This is not as it should be: see the lines above.", "bold red")
    )
    return Group(_alert_table(tally), *map(Text, lines), verdict)


def _latency_line(summary: Summary) -> str:
    latency = summary.tally.latency()
    rate = len(summary.feed.events) / summary.tally.sent_s
    if latency is None:
        return "From append to alert: no alert was caused by an event."
    return (
        f"From append to alert: p50 {latency.p50_ms} ms, p99 {latency.p99_ms} ms, from the raw"
        f" topic to a reader of committed alerts, at {rate:,.0f} events/s, over the"
        f" {latency.alerts:,} alerts that an event caused (the others are the clock's)."
    )


def _alert_table(tally: Tally) -> Table:
    """A row for each rule, a column for each state that came."""
    states = [state for state in State if any(seen == state for _, _, seen in tally.alerts)]
    table = Table("kind", "rule", box=SIMPLE_HEAD, padding=(0, 1))
    table.columns[1].no_wrap = True
    for state in states:
        table.add_column(state, justify="right")
    for kind, rule in sorted({(kind, rule) for kind, rule, _ in tally.alerts}):
        table.add_row(kind, rule, *(_count(tally.alerts[kind, rule, s]) for s in states))
    totals: Counter[str] = Counter()
    for (_, _, seen), count in tally.alerts.items():
        totals[seen] += count
    table.add_section()
    table.add_row("all", f"{totals.total():,} alerts", *(_count(totals[s]) for s in states))
    return table


def _count(value: int) -> str:
    return f"{value:,}" if value else "-"
