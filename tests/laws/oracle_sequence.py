"""The oracle's `sequence`: the runs of an instance, from all events of its account, every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.laws.oracle_reading import Applied, Rule, key_of, satisfies
from tests.laws.oracle_time import wall_ms

Run = list[Applied]  # the events that took the steps so far


def matches(rule: Rule, events: Sequence[Applied]) -> list[Run]:
    """The matches that the last of an account's events brings, oldest run first."""
    types = {step["type"] for step in rule["steps"]} | {rule.get("without", {}).get("type")}
    key = key_of(rule, events[-1])
    if events[-1].type not in types or key is None:
        return []
    runs: list[Run] = []
    found: list[Run] = []
    for event in events:
        if event.type in types and key_of(rule, event) == key:
            runs, found = offer(rule, runs, event)
    return found


def offer(rule: Rule, runs: list[Run], event: Applied) -> tuple[list[Run], list[Run]]:
    """The runs that go on after the event, and those that it completes."""
    runs = [run for run in runs if limit(rule, run) > event.before]
    if "without" in rule and satisfies(rule["without"], event):
        runs = [run for run in runs if run[-1].time > event.time]
    if satisfies(rule["steps"][0], event):
        runs = [*runs, []]  # one that waits for the first step
    going: list[Run] = []
    found: list[Run] = []
    for run in runs:
        if takes(rule, run, event):
            run = [*run, event]
        elif rule.get("contiguity") == "strict":
            continue
        if len(run) < len(rule["steps"]):
            going.append(run)
        elif rule.get("skip", "past_last") == "past_last":
            return [], [run]
        else:
            found.append(run)
    return going, found


def limit(rule: Rule, run: Run) -> int:
    """The instant (ms) from which the run can no longer go on."""
    limits = [run[0].time + wall_ms(rule["within"])]
    gap = gap_of(rule, run)
    if "max" in gap:
        limits.append(run[-1].time + wall_ms(gap["max"]))
    return min(limits)


def gap_of(rule: Rule, run: Run) -> dict[str, Any]:
    gap: dict[str, Any] = rule["steps"][len(run)].get("gap", {})
    return gap


def takes(rule: Rule, run: Run, event: Applied) -> bool:
    """Whether the event is the step that the run waits for."""
    if not satisfies(rule["steps"][len(run)], event):
        return False
    if not run:
        return True
    first, last, gap = run[0], run[-1], gap_of(rule, run)
    return (
        event.time >= last.time
        and event.time - first.time < wall_ms(rule["within"])
        and ("min" not in gap or wall_ms(gap["min"]) <= event.time - last.time)
        and ("max" not in gap or event.time - last.time < wall_ms(gap["max"]))
        and (rule.get("contiguity") != "strict" or last.index == event.index - 1)
    )
