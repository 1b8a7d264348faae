"""Runs the lanes of a file: one in this process, or several in processes of their own.

Whoever reads the file deals its events out by account, and tells every lane how the clock went.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NamedTuple, Protocol
from zlib import crc32

import msgspec

from models.event import Event
from streams.backtest.lane import Lane, LaneResult, SharedClock
from streams.backtest.plan import Plan
from streams.collector import uncollected

CHUNK = 2_000  # events that are dealt out at once
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Event]).decode


class Replayed(NamedTuple):
    """What a run over files came to. first_ms, last_ms: event times; None: no event.

    stopped: before the input was at its end.
    """

    events: int
    first_ms: int | None
    last_ms: int | None
    stopped: bool
    lanes: Sequence[LaneResult]

    @property
    def stats(self) -> Counter[str]:
        """Of the engine, by named reason."""
        return sum((lane.stats for lane in self.lanes), Counter())


class Lanes(Protocol):
    """One lane or several. names: of their parts."""

    @property
    def names(self) -> Sequence[str]: ...

    def apply(self, events: Sequence[Event]) -> None:
        """The next events of the log; `offset` is set."""

    def finish(self, place: int, clock_ms: int | None) -> list[LaneResult]:
        """The log is over."""


def replay(
    lanes: Lanes,
    events: Iterable[Event],
    run_until_ms: int | None,
    look: Callable[[int], bool],
) -> Replayed:
    """All events of a log, in its order. look: told how many are done; True: stop here."""
    source, count = iter(events), 0
    first_ms = last_ms = None
    stopped = False
    with uncollected():
        while not stopped and (chunk := list(islice(source, CHUNK))):
            for event in chunk:
                event.offset = count
                count += 1
            if first_ms is None:
                first_ms = chunk[0].at
            last_ms = chunk[-1].at
            lanes.apply(chunk)
            stopped = look(count)
        results = lanes.finish(count, None if stopped else run_until_ms)
    return Replayed(count, first_ms, last_ms, stopped, results)


class OneLane:
    """In this process."""

    names = ("0",)

    def __init__(self, plan: Plan) -> None:
        self._lane = Lane(plan, "0")

    def apply(self, events: Sequence[Event]) -> None:
        self._lane.apply(events)

    def finish(self, place: int, clock_ms: int | None) -> list[LaneResult]:
        return [self._lane.finish(place, clock_ms)]

    def __enter__(self) -> OneLane:
        return self

    def __exit__(self, *_: object) -> None:
        self._lane.parts.close()


class LaneProcesses:
    """Each lane in its process. Enter it to start them; leaving ends them, whatever happened."""

    def __init__(self, plan: Plan, count: int) -> None:
        self.names = [str(number) for number in range(count)]
        self._clock = SharedClock(plan.lateness_ms, plan.limits.remembered_ids)
        self._plan = plan
        self._pipes: list[Connection[Any, Any]] = []
        self._processes: list[Any] = []

    def __enter__(self) -> LaneProcesses:
        context = multiprocessing.get_context("spawn")  # threads and a fork do not go together
        for name in self.names:
            ours, theirs = context.Pipe()
            process = context.Process(target=run_lane, args=(theirs, self._plan, name), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        return self

    def apply(self, events: Sequence[Event]) -> None:
        clocks = self._clock.after(events).tobytes()
        for number, own in enumerate(deal(events, len(self._pipes))):
            self._send(number, (events[0].offset, clocks, _encode(own)))

    def finish(self, place: int, clock_ms: int | None) -> list[LaneResult]:
        for number in range(len(self._pipes)):
            self._send(number, (place, clock_ms))
        return [self._receive(number) for number in range(len(self._pipes))]

    def _send(self, number: int, message: tuple[Any, ...]) -> None:
        try:
            self._pipes[number].send(message)
        except BrokenPipeError:
            self._receive(number)  # says why it ended

    def _receive(self, number: int) -> LaneResult:
        try:
            answer = self._pipes[number].recv()
        except EOFError:
            self._processes[number].join()
            code = self._processes[number].exitcode
            raise RuntimeError(f"a process of the backtest died with code {code}") from None
        if isinstance(answer, str):
            raise RuntimeError(f"the engine failed, which is a bug:\n{answer}")
        assert isinstance(answer, LaneResult)
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for process, pipe in zip(self._processes, self._pipes, strict=True):
            if kind is not None:
                process.kill()
            process.join()
            pipe.close()


def deal(events: Sequence[Event], lanes: int) -> list[list[Event]]:
    """By account, in order."""
    dealt: list[list[Event]] = [[] for _ in range(lanes)]
    for event in events:
        dealt[crc32(event.subject.encode()) % lanes].append(event)
    return dealt


def run_lane(pipe: Connection[Any, Any], plan: Plan, name: str) -> None:
    """A process: stretches come in until the end of the log, then the result goes out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides
    try:
        with uncollected():
            lane = Lane(plan, name)
            for first, clocks, events in _stretches(pipe):
                if events is None:
                    pipe.send(lane.finish(first, clocks))
                    return
                lane.follow(first, array("q", clocks), events)
    except EOFError:
        return  # whoever started us has gone
    except Exception:
        pipe.send(traceback.format_exc())


def _stretches(pipe: Connection[Any, Any]) -> Iterator[tuple[int, Any, list[Event] | None]]:
    while True:
        message = pipe.recv()
        if len(message) == 2:
            yield message[0], message[1], None
        else:
            first, clocks, events = message
            yield first, clocks, _decode(events)


def lanes_for(plan: Plan, processes: int) -> OneLane | LaneProcesses:
    return OneLane(plan) if processes == 1 else LaneProcesses(plan, processes)
