"""What an event did to the partial matches of a `sequence`, and why one of them did not go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from models.account import Account
from models.case import Case, Run, RunCase
from models.event import Event
from rules.context import Context
from rules.explaining.reading import Note, when
from rules.kinds.sequence import FOREVER, CompiledSequence
from rules.timespan import span


class Runs:
    """Of one compiled rule."""

    def __init__(self, rule: CompiledSequence) -> None:
        self.rule = rule
        self.names = [s.as_ or f"step_{i}" for i, s in enumerate(rule.form.steps, start=1)]

    def notes(
        self, before: Mapping[str, Case], account: Account, event: Event, clock: int
    ) -> Iterator[Note]:
        """before: the cases as they were. clock: ms, before the event."""
        runs = [run for case in before.values() if isinstance(case, RunCase) for run in case.runs]
        roles = self.rule.reader.matches(event)
        if self.rule.without in roles:
            ended = [run for run in runs if run.steps[-1].time <= event.at]
            runs = [run for run in runs if run not in ended]
            yield Note(f"`without` ends {_count(len(ended), 'partial match')}", bool(ended))
        for step in (role for role in roles if 0 < role < self.rule.without):
            waiting = [run for run in runs if len(run.steps) == step]
            for run in waiting:
                yield self._offered(run, step, event, account.applied, clock)
            if not waiting:
                yield Note(f"nothing waits for {self.names[step]}: {self.names[step - 1]}"
                           " has not come, or has been used", True)  # fmt: skip
        if 0 in roles:
            yield Note(f"{self.names[0]} begins a match")

    def _offered(self, run: Run, step: int, event: Event, index: int, clock: int) -> Note:
        obstacle = self._obstacle(run, step, event, index, clock)
        if obstacle is None:
            return Note(f"takes {self.names[step]}, step {step + 1} of {self.rule.without}")
        return Note(f"{self.names[step]} came {obstacle}", True)

    def _obstacle(self, run: Run, step: int, event: Event, index: int, clock: int) -> str | None:
        first, last = run.steps[0], run.steps[-1]
        since, least_most = event.at - last.time, self.rule.gaps[step]
        whole, previous = event.at - first.time, self.names[step - 1]
        if since < 0:
            return f"{span(-since)} before {previous}"
        if whole >= self.rule.within:
            return f"{span(whole)} after {self.names[0]}, within is {span(self.rule.within)}"
        if since < least_most[0]:
            return f"{span(since)} after {previous}, gap.min is {span(least_most[0])}"
        if since >= least_most[1]:
            return f"{span(since)} after {previous}, gap.max is {span(least_most[1])}"
        if self.rule.strict and run.index != index - 1:
            between = _count(index - 1 - run.index, "other event")
            return f"with {between} in between, contiguity is strict"
        if run.limit <= clock:
            return f"when its time was up by the clock ({span(clock - run.limit)} ago)"
        return None

    def standing(
        self, cases: Mapping[str, Case], context: Context, zone: tzinfo | None
    ) -> Iterator[tuple[str, str, int | None]]:
        """(key, what it waits for, until when in ms) of each partial match."""
        for name, case in cases.items():
            for run in case.runs if isinstance(case, RunCase) else ():
                done, last = len(run.steps), run.steps[-1]
                text = (
                    f"{self.names[done - 1]} was at {when(last.time, zone)}, step {done} of"
                    f" {self.rule.without}; waits for {self.names[done]}"
                    f" ({self.rule.form.steps[done].type})"
                )
                if run.limit <= context.clock:
                    yield name, f"{text}, and its time was up at {when(run.limit, zone)}", None
                elif run.limit < FOREVER:
                    yield name, f"{text} until {when(run.limit, zone)}", run.limit


def _count(number: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("ch") else f"{word}s"
    return f"{number} {word if number == 1 else plural}"
