"""One clock for all accounts: whatever the number of lanes, a log says the same, and as live does.

The rules and logs are those of the laws: every kind, every option, deadlines that are hit exactly,
ties, late events and repeats.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.account import Limits
from models.alert import Alert, decode_alert
from models.event import Event
from rules.loader import RuleBook, parse
from rules.ruleset import compile_rules
from streams.agents.follow import FollowAgent
from streams.backtest.lane import Lane, SharedClock
from streams.backtest.parts import merge_parts
from streams.backtest.plan import EventOutcome, Plan
from streams.backtest.processes import deal, lanes_for, replay
from streams.codec import encode_event
from streams.control import Tick, encode_control
from streams.job import LogRecord
from streams.settings import Settings
from streams.shelf import RuleShelf
from streams.topics import Topics
from tests.laws.engine_tells import as_event
from tests.laws.streams_of_events import _whole as whole
from tests.laws.streams_of_events import random_case
from tests.story import content_of

ACCOUNTS = ("ann", "bob", "cem", "dina", "eve")
DAY_MS = 86_400_000


class World:
    """The events of a random log, over more accounts; control records are left out."""

    def __init__(self, seed: int, records: int = 60) -> None:
        chance = Random(seed)
        case = random_case(chance, records)
        self.case = dataclasses.replace(case, rules=whole(case.rules))
        rows = [record["event"] for record in self.case.records if "event" in record]
        names = dict.fromkeys(row["id"] for row in rows)
        accounts = {id: chance.choice(ACCOUNTS) for id in names}  # a repeat stays with its account
        self.events = [
            as_event(row | {"account": accounts[row["id"]]}, offset=n) for n, row in enumerate(rows)
        ]
        self.end_ms = max((event.at for event in self.events), default=0) + 40 * DAY_MS

    def plan(self, folder: Path) -> Plan:
        return Plan(
            content=content_of(*self.case.rules, calendars=self.case.calendars),
            topic="pathline.interactions.v1",
            run="test",
            folder=folder,
            lateness_ms=self.case.lateness_ms,
            limits=Limits(remembered_ids=self.case.remembered_ids),
            outcome=EventOutcome("b.stopped", "data.v > 0"),
        )


def told(folder: Path, lanes: Sequence[str]) -> dict[str, bytes]:
    """Alerts, scores and outcomes as their files."""
    kinds = ("alerts", "scores", "outcomes")
    for kind in kinds:
        merge_parts(folder, kind, lanes, folder / kind)
    return {kind: (folder / kind).read_bytes() for kind in kinds}


def with_lanes(world: World, count: int, piece: int) -> dict[str, bytes]:
    """The lanes beside each other in this process. piece: events that are dealt out at once."""
    with TemporaryDirectory() as name:
        plan = world.plan(Path(name))
        lanes = [Lane(plan, str(n)) for n in range(count)]
        clock = SharedClock(plan.lateness_ms, plan.limits.remembered_ids)
        for first in range(0, len(world.events), piece):
            events = world.events[first : first + piece]
            clocks = clock.after(events)
            for lane, own in zip(lanes, deal(events, count), strict=True):
                lane.follow(first, clocks, own)
        for lane in lanes:
            lane.finish(len(world.events), world.end_ms)
        return told(Path(name), [str(n) for n in range(count)])


def alone(world: World) -> dict[str, bytes]:
    with TemporaryDirectory() as name:
        lane = Lane(world.plan(Path(name)), "0")
        lane.apply(world.events)
        lane.finish(len(world.events), world.end_ms)
        return told(Path(name), ["0"])


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), lanes=st.sampled_from([1, 2, 4]), piece=st.integers(1, 70))
def test_any_number_of_lanes_says_what_one_says(seed: int, lanes: int, piece: int) -> None:
    world = World(seed)
    assert with_lanes(world, lanes, piece) == alone(world)


def test_the_random_logs_say_enough_to_be_compared() -> None:
    """Deadlines of one account that another one's event brought due, among others."""
    said = [alone(World(seed)) for seed in range(30)]
    assert sum(one["alerts"].count(b"\n") for one in said) > 300
    assert sum(one["alerts"].count(b'"step":"due"') for one in said) > 50
    assert all(sum(len(one[kind]) for one in said) > 0 for kind in ("scores", "outcomes"))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_file_says_what_the_live_job_says_of_the_same_log(seed: int) -> None:
    world = World(seed)
    found: dict[str, list[Alert]] = defaultdict(list)
    for line in alone(world)["alerts"].splitlines():
        alert = decode_alert(line)
        found[alert.account].append(replace(alert, replay=None))
    assert found == live(world)


def live(world: World) -> dict[str, list[Alert]]:
    """By account; between accounts that one instant concerns, the files have an order of their
    own.
    """
    book = parse(content_of(*world.case.rules, calendars=world.case.calendars))
    job = _job(world, book)
    records = [LogRecord(e.offset, e.at, e.subject.encode(), encode_event(e)) for e in world.events]
    tick = encode_control(Tick(clock_ms=world.end_ms))
    job.apply([*records, LogRecord(len(records), world.end_ms + 10 * DAY_MS, *tick)])
    found: dict[str, list[Alert]] = defaultdict(list)
    state = Topics(Settings()).alert_state.name
    for out in job.tell(0).outputs:
        if out.topic.startswith("pathline.s") or out.topic.startswith("pathline.j"):
            if out.topic in (state, Topics(Settings()).scores.name):
                continue
            alert = decode_alert(out.value or b"")
            found[alert.account].append(replace(alert, emitted_at=None))
    return found


def _job(world: World, book: RuleBook) -> Any:
    settings = Settings(
        lateness_s=world.case.lateness_ms / 1000,
        remembered_ids_max=world.case.remembered_ids,
        message_bytes_max=100_000_000,
    )

    async def fetch(digest: str) -> bytes | None:
        return None

    shelf = RuleShelf(book, "rules", fetch)
    coroutine = FollowAgent(settings, Topics(settings), shelf).make_job(0, {}, ())
    try:
        coroutine.send(None)  # nothing in it waits
    except StopIteration as made:
        return made.value
    raise AssertionError("it waits for something")


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_say_what_one_says(tmp_path: Path, processes: int) -> None:
    world = World(7, records=400)
    plan = world.plan(tmp_path)
    with lanes_for(plan, processes) as lanes:
        found = replay(lanes, world.events, world.end_ms, lambda count: False)
    assert told(tmp_path, lanes.names) == alone(World(7, records=400))
    assert found.events == len(world.events)
    assert not found.stopped
    rules = compile_rules(parse(plan.content))
    assert sum(found.stats[f"alert:{id}:firing"] for id in rules.rules) > 0


def test_a_look_that_says_stop_ends_the_run_where_it_is(tmp_path: Path) -> None:
    world = World(7)
    many = [replace(e, offset=0, id=f"{n}-{e.id}") for n in range(200) for e in world.events]
    looks: list[int] = []

    def look(count: int) -> bool:
        looks.append(count)
        return True

    with lanes_for(world.plan(tmp_path), 1) as lanes:
        found = replay(lanes, many, world.end_ms, look)
    assert found.stopped
    assert looks == [found.events]
    assert found.events < len(many)


def test_what_breaks_in_a_process_is_told_here_and_the_others_end(tmp_path: Path) -> None:
    plan = World(7).plan(tmp_path / "no folder")
    with (
        pytest.raises(RuntimeError, match="No such file or directory"),
        lanes_for(plan, 2) as lanes,
    ):
        replay(lanes, World(7).events, None, lambda count: False)


def test_memory_of_ids_is_that_of_an_account() -> None:
    """A repeat with a later time moves no clock, until its id is forgotten."""

    def event(id: str, at: int) -> Event:
        row = {"id": id, "source": "//s", "account": "a", "type": "a.b", "data": {}, "time_ms": at}
        return as_event(row, 0)

    clock = SharedClock(0, ids_max=1)
    said = clock.after([event("1", 10), event("1", 99), event("2", 11), event("1", 50)])
    assert list(said) == [10, 10, 11, 50]
