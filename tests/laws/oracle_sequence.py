"""The oracle's `sequence`: the runs of an instance, from all events of its account, every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.laws.oracle_reading import Applied, Rule, key_of, satisfies
from tests.laws.oracle_time import wall_ms

Run = list[Applied]  # the events that took the steps so far


def reads(rule: Rule, event: Applied) -> bool:
    """Whether the event is of a type that the rule looks at."""
    types = {step["type"] for step in rule["steps"]} | {rule.get("without", {}).get("type")}
    return event.type in types


def read_runs(
    rule: Rule, key: str, events: Sequence[Applied], runs: list[Run], closes: float
) -> tuple[list[Run], list[Run]]:
    """The runs of the instance after an account's events; the matches that the last one brings.

    runs: those before. closes: the place in the log after which none begins.
    """
    found: list[Run] = []
    for event in events:
        found = []
        if reads(rule, event) and key_of(rule, event) == key:
            runs, found = offer(rule, runs, event, begins=event.position < closes)
    return runs, found


def offer(
    rule: Rule, runs: list[Run], event: Applied, *, begins: bool
) -> tuple[list[Run], list[Run]]:
    """The runs that go on after the event, and those that it completes."""
    runs = [run for run in runs if limit(rule, run) > event.before]
    if "without" in rule and satisfies(rule["without"], event):
        runs = [run for run in runs if run[-1].time > event.time]
    if begins and satisfies(rule["steps"][0], event):
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
