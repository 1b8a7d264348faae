"""A partition of a topic, read by the job that runs live: what breaks it is set aside, as live."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from models.account import Limits
from models.event import Event
from rules.context import Output
from rules.partition import Partition
from streams.backtest.file_input import Span
from streams.backtest.partition_lane import LOOK_EVERY, Task, play_partition
from streams.backtest.plan import EventOutcome, Plan
from streams.control import Activate, Feed, Tick, encode_control
from streams.job import LogRecord
from streams.settings import Settings
from tests.story import START, content_of, ms

TOPIC = "pathline.interactions.v1"
QUIET = {
    "id": "quiet",
    "kind": "absence",
    "anchor": {"type": "trial.started"},
    "expect": {"type": "feature.used"},
    "deadline": {"after": "2h"},
    "feeds": {"usage": {"max_stale": "1h"}},
}
SEEN = {"id": "seen", "kind": "signal", "on": {"type": "trial.started"}}


def event(offset: int, account: str, type: str = "trial.started", id: str = "") -> LogRecord:
    value = {
        "specversion": "1.0",
        "id": id or f"{account}-{offset}",
        "source": "//crm",
        "type": type,
        "time": START.isoformat(),
        "subject": account,
    }
    return LogRecord(offset, ms("0h"), account.encode(), json.dumps(value).encode())


def control(offset: int, record: Any, at: str = "9h") -> LogRecord:
    key, value = encode_control(record)
    return LogRecord(offset, ms(at), key, value)


class Stage:
    """A partition's log, and what a backtest of it leaves."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.records: Sequence[LogRecord] = ()
        self.done = [0, 0]
        self.stop_after: int | None = None
        patch.setattr("streams.backtest.partition_lane.open_reader", self._open)

    @asynccontextmanager
    async def _open(self, settings: Settings, topic: str) -> AsyncIterator[Any]:
        yield self

    async def seek_time(self, places: Any, at_ms: int) -> None:
        self.records = [record for record in self.records if record.timestamp >= at_ms]

    async def to_end(self) -> AsyncIterator[LogRecord]:
        for record in self.records:
            yield record

    def look(self, events: int, records: int) -> bool:
        self.done[0] += events
        self.done[1] += records
        return self.stop_after is not None and self.done[1] >= self.stop_after

    async def play(self, *records: LogRecord, **changes: Any) -> Any:
        self.records = records
        plan = Plan(
            content=content_of(QUIET, SEEN), topic=TOPIC, run="q1", folder=self.folder,
            lateness_ms=0, limits=Limits(), outcome=EventOutcome("feature.used"),
        )  # fmt: skip
        settings = Settings(lateness_s=0)
        task = Task(settings, plan, [0], Span(), None, as_live=False)
        return await play_partition(task._replace(**changes), 0, self.look)

    def lines(self, kind: str) -> list[Any]:
        text = (self.folder / f"{kind}.p0").read_bytes().splitlines()
        return [json.loads(line.split(b"\t", 2)[2]) for line in text]

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(a["rule"]["id"], a["account"], a["state"]) for a in self.lines("alerts")]

    @property
    def bad(self) -> list[tuple[int, str]]:
        text = (self.folder / "bad.p0").read_bytes().splitlines()
        return [(row["offset"], row["reason"]) for row in map(json.loads, text)]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


async def test_ticks_and_feeds_of_the_log_decide_as_live(stage: Stage) -> None:
    feed = Feed(feed="usage", max_stale_ms=3_600_000, stale=True)
    result = await stage.play(
        event(0, "acme"), event(1, "bolt"), event(2, "bolt", "feature.used"),
        control(4, feed), control(5, Tick(clock_ms=ms("5h"))),
        control(7, Feed(feed="usage", max_stale_ms=3_600_000, stale=False)),
    )  # fmt: skip
    assert stage.told == [
        ("seen", "acme", "firing"),
        ("seen", "bolt", "firing"),
        ("quiet", "acme", "firing"),  # held while the feed was stale
    ]
    assert [row["account"] for row in stage.lines("outcomes")] == ["bolt"]
    assert result.counts == {"read": 6, "events": 3}
    assert (result.first_ms, result.lane.clock_ms) == (ms("0h"), ms("5h"))
    assert stage.done == [3, 6]


async def test_scores_that_live_wrote_into_the_log_are_told_as_it_said_them_each_once(
    stage: Stage,
) -> None:
    def score(offset: int, id: str, **data: Any) -> LogRecord:
        plain = event(offset, "acme", "score.published", id)
        value = json.loads(plain.value or b"") | {"data": data}
        return plain._replace(value=json.dumps(value).encode())

    result = await stage.play(
        event(0, "acme"), score(1, "s1", task="churn", value=0.5, model="logistic@3"),
        score(2, "s1", task="churn", value=0.5, model="logistic@3"), score(3, "s2", task="churn"),
    )  # fmt: skip
    [line] = stage.lines("scores")
    assert (line["schema"], line["score_id"], line["value"]) == ("pathline.score.v2", "s1", 0.5)
    assert (line["model"], line.get("replay")) == ("logistic@3", None)
    assert result.lane.stats["score_event_unreadable"] == 1
    assert result.lane.told["scores"] == 1


async def test_a_tick_ahead_of_its_append_time_is_refused_as_live(stage: Stage) -> None:
    await stage.play(event(0, "acme"), control(1, Tick(clock_ms=ms("9d")), at="1h"))
    assert ("quiet", "acme", "firing") not in stage.told


async def test_the_rules_that_are_asked_about_stay_whatever_the_log_activates(
    stage: Stage,
) -> None:
    await stage.play(event(0, "acme"), control(1, Activate(digest="d" * 64)), event(2, "bolt"))
    assert [account for _, account, _ in stage.told] == ["acme", "bolt"]


class Fragile(Partition):
    """An engine with a bug."""

    def advance(self, event: Event) -> list[Output]:
        if event.id == "bomb":
            raise ZeroDivisionError
        return super().advance(event)


async def test_what_breaks_the_engine_is_set_aside_and_nothing_is_told_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.agents.follow.Partition", Fragile)
    result = await stage.play(
        event(0, "acme"), event(1, "bolt"), event(2, "bolt", id="bomb"), event(3, "bolt"),
        event(4, "cask"),
    )  # fmt: skip
    assert stage.told == [
        ("seen", "acme", "firing"),
        ("seen", "bolt", "firing"),
        ("seen", "cask", "firing"),
    ]
    assert stage.bad == [(2, "engine_fault"), (3, "account_quarantined")]
    assert result.bad == {"engine_fault": 1, "account_quarantined": 1}
    assert stage.done == [5, 5]


async def test_what_is_read_once_more_is_not_counted_as_progress_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.agents.follow.Partition", Fragile)
    many = [event(n, f"a{n}") for n in range(LOOK_EVERY + 100)]
    await stage.play(*many, event(len(many), "bolt", id="bomb"))
    assert stage.done == [len(many) + 1, len(many) + 1]


async def test_many_bad_records_do_not_end_a_backtest(stage: Stage) -> None:
    junk = [LogRecord(n, ms("0h"), b"acme", b"nonsense") for n in range(300)]
    result = await stage.play(*junk, event(300, "acme"))
    assert result.counts["bad"] == 300
    assert stage.told == [("seen", "acme", "firing")]


async def test_a_span_and_a_clock_that_goes_on(stage: Stage) -> None:
    records = (event(0, "acme"), control(1, Tick(clock_ms=ms("3h")), at="4h"))
    await stage.play(*records, span=Span(None, ms("1h")))
    assert ("quiet", "acme", "firing") not in stage.told
    await stage.play(*records, span=Span(None, ms("1h")), run_until_ms=ms("3h"))
    assert stage.told[-1] == ("quiet", "acme", "firing")
    result = await stage.play(*records, span=Span(ms("1h"), None))
    assert result.counts == {"read": 1}


async def test_a_look_that_says_stop_ends_it_where_it_is(stage: Stage) -> None:
    stage.stop_after = LOOK_EVERY
    many = [event(n, f"a{n}") for n in range(LOOK_EVERY + 100)]
    result = await stage.play(*many, run_until_ms=ms("90d"))
    assert result.counts["read"] == LOOK_EVERY
    assert {rule for rule, _, _ in stage.told} == {"seen"}  # the clock did not go on either
