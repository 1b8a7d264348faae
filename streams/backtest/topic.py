"""A topic of interactions through the very job that runs live, partition by partition.

By nobody's group, committed records only, nothing is ever committed: who writes and who reads the
topic is not disturbed. Ticks, feeds and erasures count as live; activations of rule sets only when
that is asked for. Partitions are dealt out over processes, each with a consumer of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from models.errors import BadRule, BadSetting, PathlineError, Unavailable
from streams.backtest.bad_rows import BadRows
from streams.backtest.partition_lane import Task, play_partition
from streams.backtest.plan import Plan
from streams.backtest.processes import Replayed
from streams.backtest.request import Request
from streams.backtest.telling import PartitionResult
from streams.reader import find_topic, open_reader
from streams.settings import Settings

ENDED = {"BadSetting": BadSetting, "Unavailable": Unavailable}


class Topic(NamedTuple):
    """partitions: their numbers. records: offsets between their beginnings and ends."""

    name: str
    partitions: list[int]
    records: int


class Progress(NamedTuple):
    """What a process says on the way. offsets: so far behind the beginning of its partitions."""

    events: int
    offsets: int


def play_topic(
    request: Request, plan: Plan, bad: BadRows, look: Callable[[int, float], bool]
) -> tuple[Replayed, Counter[str]]:
    """A lane for each partition, and the counts of records.

    Raises BadSetting for a topic that is not there, Unavailable when Kafka fails.
    """
    assert request.topic is not None
    topic = asyncio.run(find(request.settings, request.topic))
    plan = plan._replace(topic=topic.name)
    processes = max(1, min(request.processes, len(topic.partitions)))
    tasks = [
        Task(request.settings, plan, topic.partitions[n::processes], request.span,
             request.run_until_ms, request.as_live)
        for n in range(processes)
    ]  # fmt: skip
    stopped, results = _run(tasks, topic, look)
    found = [partition for result in results for partition in result]
    for one in found:
        bad.take(plan.folder / f"bad.{one.lane.name}", one.bad)
    counts = sum((one.counts for one in found), Counter())
    replayed = Replayed(
        counts["events"],
        min((one.first_ms for one in found if one.first_ms is not None), default=None),
        max((one.last_ms for one in found if one.last_ms is not None), default=None),
        stopped,
        [one.lane for one in found],
    )
    return replayed, counts


async def find(settings: Settings, name: str) -> Topic:
    """By its full or short name."""
    full = await find_topic(settings, name)
    async with open_reader(settings, full) as reader:
        partitions = sorted(place.partition for place in reader.ends)
        return Topic(full, partitions, sum(reader.ends.values()) - sum(reader.begins.values()))


def _run(
    tasks: list[Task], topic: Topic, look: Callable[[int, float], bool]
) -> tuple[bool, list[list[PartitionResult]]]:
    """(stopped, what each process came to)."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection[Any, Any]] = []
    processes = []
    for task in tasks:
        ours, theirs = context.Pipe()
        process = context.Process(target=run_task, args=(theirs, task), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        return listen(pipes, topic, look)
    except BaseException:
        for process in processes:
            process.kill()
        raise
    finally:
        for process, pipe in zip(processes, pipes, strict=True):
            process.join()
            pipe.close()


def listen(
    pipes: list[Connection[Any, Any]], topic: Topic, look: Callable[[int, float], bool]
) -> tuple[bool, list[list[PartitionResult]]]:
    """Until each process has said what it came to; `look` may stop them on the way."""
    results: dict[int, list[PartitionResult]] = {}
    done = [Progress(0, 0) for _ in pipes]
    stopped = False
    while len(results) < len(pipes):
        waiting = [pipe for n, pipe in enumerate(pipes) if n not in results]
        for pipe in wait(waiting):
            assert isinstance(pipe, Connection)
            number = pipes.index(pipe)
            message = _receive(pipe)
            if isinstance(message, Progress):
                done[number] = message
            else:
                results[number] = message
        share = sum(one.offsets for one in done) / max(1, topic.records)
        if look(sum(one.events for one in done), min(1.0, share)) and not stopped:
            stopped = True
            for n, pipe in enumerate(pipes):
                if n not in results:
                    with suppress(BrokenPipeError):  # it has ended; its answer waits
                        pipe.send("stop")
    return stopped, [results[n] for n in range(len(pipes))]


def _receive(pipe: Connection[Any, Any]) -> Any:
    try:
        message = pipe.recv()
    except EOFError:
        raise RuntimeError("a process of the backtest died") from None
    if isinstance(message, tuple) and message and message[0] == "error":
        _, kind, text = message
        raise ENDED[kind](text) if kind in ENDED else RuntimeError(text)
    return message


def run_task(pipe: Connection[Any, Any], task: Task) -> None:
    """A process: its partitions one after the other, then what they came to goes out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides
    offsets = events = 0

    def look(more_events: int, more_offsets: int) -> bool:
        nonlocal events, offsets
        events, offsets = events + more_events, offsets + more_offsets
        pipe.send(Progress(events, offsets))
        return pipe.poll()

    async def run() -> list[PartitionResult]:
        results = []
        for partition in task.partitions:
            results.append(await play_partition(task, partition, look))
            if pipe.poll():  # told to stop
                break
        return results

    try:
        pipe.send(asyncio.run(run()))
    except BadRule as error:
        pipe.send(("error", "BadSetting", str(error)))
    except PathlineError as error:
        pipe.send(("error", type(error).__name__, str(error)))
    except (BrokenPipeError, EOFError):
        return
    except Exception:
        pipe.send(("error", "", f"the backtest failed, which is a bug:\n{traceback.format_exc()}"))
