"""Part `conditions`: what a compiled condition costs, beside other implementations of CEL.

They are cel-expr-python (C++), common-expression-language (Rust) and cel-python. Each evaluates the
same text over the same events, compiled once; how an event's data reaches it is part of its cost,
as it would be in the engine. Without Kafka.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cel
import celpy
from cel_expr_python import cel as google

from models.event import Event
from rules.condition import compile_condition
from streams.codec import parse_event
from tests.bench.traffic import traffic

CONDITIONS = {
    "two comparisons": "data.dwell_s > 120 && data.dwell_s < 100000",
    "a field that is not there": 'data.dwell_s > 120 && data.nothing == "a"',
    "text, a list, a loop": 'has(data.document) && ["a", "b"].exists(x, x == data.document)',
}
EVENTS = 1_000
ROUNDS = 5  # of each implementation in turn; the best counts
OURS = "Pathline"


@dataclass
class ConditionCost:
    """us: µs of CPU for one evaluation, by implementation."""

    name: str
    us: dict[str, float]


def measure_conditions() -> list[ConditionCost]:
    """One for each condition."""
    events = [parse_event(value, i) for i, (_, value) in enumerate(traffic(EVENTS, 10))]
    return [ConditionCost(name, _measure(text, events)) for name, text in CONDITIONS.items()]


def _measure(text: str, events: list[Event]) -> dict[str, float]:
    asked = {name: make(text) for name, make in IMPLEMENTATIONS.items()}
    rounds = [{name: _us(ask, events) for name, ask in asked.items()} for _ in range(ROUNDS)]
    return {name: min(figures[name] for figures in rounds) for name in asked}


def _us(ask: Callable[[Event], Any], events: list[Event]) -> float:
    began = time.process_time()
    for event in events:
        ask(event)
    return (time.process_time() - began) / len(events) * 1e6


def _google(text: str) -> Callable[[Event], Any]:
    environment = google.NewEnv(variables={"data": google.Type.DYN})
    program = environment.compile(text, disable_check=True)
    return lambda event: program.eval(data={"data": event.data})


def _rust(text: str) -> Callable[[Event], Any]:
    program = cel.compile(text)

    def ask(event: Event) -> Any:
        try:
            return program.execute({"data": event.data})
        except Exception as error:  # what has no value raises one of several errors
            return error

    return ask


def _python(text: str) -> Callable[[Event], Any]:
    environment = celpy.Environment()
    program = environment.program(environment.compile(text))

    def ask(event: Event) -> Any:
        try:
            return program.evaluate({"data": celpy.json_to_cel(event.data)})
        except celpy.CELEvalError as error:
            return error

    return ask


IMPLEMENTATIONS: dict[str, Callable[[str], Callable[[Event], Any]]] = {
    OURS: compile_condition,
    "Google C++": _google,
    "Rust": _rust,
    "Python": _python,
}
