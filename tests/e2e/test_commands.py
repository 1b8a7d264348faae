"""Commands on the real Kafka: send and simulate in, tail out, dead letters back, the doctor."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from subprocess import PIPE, Popen
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner, Result

from models.errors import BadSetting, Unavailable
from streams.cli import app
from streams.clock import SystemClock
from streams.connection import client_options
from streams.demo.run import wait_until_ready
from streams.demo.worker import WorkerProcess
from streams.kafka.admin import create_topics
from streams.kafka.port import free_port
from streams.sender import Sender
from streams.settings import Settings
from streams.simulator import START, simulate
from streams.topics import Topics
from tests.kafka_settings import environment

Run = Callable[..., Result]
PATHLINE = (sys.executable, "-P", "-c", "from streams.cli import main; main()")


@pytest.fixture(autouse=True)
def topics(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Topics:
    """The topics of this test; commands in this process find its settings."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    asyncio.run(create_topics(settings))
    return Topics(settings)


def run(*args: str, given: bytes | None = None) -> Result:
    result = CliRunner().invoke(app, args, input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def objects(result: Result) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in result.stdout.splitlines()]


def put(settings: Settings, topic: str, *records: tuple[bytes | None, bytes, Any]) -> None:
    async def send() -> None:
        async with Sender(settings, topic, SystemClock()) as sender:
            for key, value, headers in records:
                await sender.send(key, value, headers)

    asyncio.run(send())


def dead(topic: str, partition: int, reason: str) -> list[tuple[str, bytes]]:
    told = {"topic": topic, "partition": str(partition), "offset": "1", "reason": reason}
    return [(f"dead.{name}", text.encode()) for name, text in told.items()]


# in and out


def test_simulated_events_arrive_whole_under_their_accounts() -> None:
    sent = run("simulate", "--accounts", "20", "--days", "15", "--topic", "raw", "--json")
    records = objects(run("tail", "raw", "--from-beginning", "--json"))
    events = list(simulate(7, 20, START, 15))
    assert objects(sent)[0]["sent"] == len(records) == len(events)
    assert {r["value"]["id"] for r in records} == {event.id for event in events}
    assert all(record["key"] == record["value"]["subject"] for record in records)


def test_bad_lines_are_told_by_number_and_the_others_arrive() -> None:
    good = run("simulate", "--accounts", "1", "--days", "15").stdout_bytes.splitlines()[:2]
    result = run("send", "-", "--json", given=b"\n".join([b"nonsense", good[0], b"{}", good[1]]))
    assert result.exit_code == 1
    *bad, summary = objects(result)
    assert [(line["line"], line["reason"]) for line in bad] == [
        (1, "not_json"),
        (3, "missing_field"),
    ]
    assert (summary["sent"], summary["bad"]) == (2, 2)
    arrived = objects(run("tail", "raw", "--from-beginning", "--json"))
    assert {r["value"]["id"] for r in arrived} == {msgspec.json.decode(g)["id"] for g in good}


def test_tail_shows_the_newest_in_order_of_append(settings: Settings, topics: Topics) -> None:
    for n in range(30):
        put(settings, topics.raw.name, (b"%d" % n, b"%d" % n, ()))
    newest = [record["value"] for record in objects(run("tail", "raw", "--json"))]
    assert newest == list(range(20, 30))
    assert [r["value"] for r in objects(run("tail", "raw", "--max", "2", "--json"))] == [28, 29]
    oldest = objects(run("tail", "raw", "--from-beginning", "--max", "2", "--json"))
    assert [record["value"] for record in oldest] == [0, 1]


def test_tail_shows_only_what_is_committed(settings: Settings, topics: Topics) -> None:
    async def transact(value: bytes, *, commit: bool) -> None:
        producer = AIOKafkaProducer(**client_options(settings), transactional_id="test")
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(topics.signals.name, value, partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
        await producer.stop()

    for value, commit in ((b"1", True), (b"2", False), (b"3", True)):
        asyncio.run(transact(value, commit=commit))
    for options in ([], ["--from-beginning"]):
        records = objects(run("tail", "signals", "--json", *options))
        assert [record["value"] for record in records] == [1, 3]


def test_tail_follows_what_comes_later(settings: Settings, topics: Topics) -> None:
    put(settings, topics.raw.name, (b"k", b"1", ()))
    command = [*PATHLINE, "tail", "raw", "--follow", "--max", "3", "--json"]
    with Popen(command, env=environment(settings), stdout=PIPE) as tail:
        assert tail.stdout is not None
        seen = [msgspec.json.decode(tail.stdout.readline())["value"]]
        put(settings, topics.raw.name, (b"k", b"2", ()), (b"k", b"3", ()))
        seen += [msgspec.json.decode(line)["value"] for line in tail.stdout]
    assert (seen, tail.returncode) == ([1, 2, 3], 0)


@pytest.mark.parametrize("command", ["tail", "send -", "dead-letters replay --to"])
def test_a_topic_that_is_not_there_is_told_with_those_that_are(command: str) -> None:
    option = ["--topic"] if command == "send -" else []
    with pytest.raises(BadSetting, match=r"no topic nope.*interactions.*sla-breaches"):
        run(*command.split(), *option, "nope", given=b"")


# dead letters


@pytest.fixture
def letters(settings: Settings, topics: Topics) -> list[tuple[bytes | None, bytes, Any]]:
    """Three dead letters of the raw topic: the first and the last are not JSON."""
    raw, mine = topics.raw.name, ("x-mine", b"\xff")
    records: list[tuple[bytes | None, bytes, Any]] = [
        (b"\xff", b"{1", [mine, *dead(raw, 3, "not_json")]),
        (None, b"{2", dead(raw, 1, "time_in_future")),
        (b"k", b"{3", dead(raw, 0, "not_json")),
    ]
    put(settings, topics.dead_letters.name, *records)
    return records


def listed(*args: str) -> dict[str, bool]:
    """Value of each dead letter, and whether it was replayed."""
    found = objects(run("dead-letters", "list", "--json", *args))
    return {value_of(record): record["replayed"] for record in found}


def value_of(record: dict[str, Any]) -> str:
    return str(msgspec.json.decode(f'"{record["value_base64"]}"'.encode(), type=bytes).decode())


def arrived() -> list[tuple[str, int]]:
    """Value and partition of what is on the raw topic."""
    found = objects(run("tail", "raw", "--from-beginning", "--json"))
    return sorted((value_of(record), record["partition"]) for record in found)


@pytest.mark.usefixtures("letters")
def test_dead_letters_are_listed_by_reason() -> None:
    assert listed() == {"{1": False, "{2": False, "{3": False}
    assert set(listed("--reason", "time_in_future")) == {"{2"}
    text = run("dead-letters", "list").stdout
    assert "3 dead letters: 2 not_json, 1 time_in_future" in text


@pytest.mark.usefixtures("letters")
def test_a_dead_letter_goes_back_whole_to_its_partition() -> None:
    run("dead-letters", "replay")
    assert arrived() == [("{1", 3), ("{2", 1), ("{3", 0)]
    first = objects(run("tail", "raw", "--from-beginning", "--json"))
    by_value = {value_of(record): record for record in first}
    assert by_value["{1"]["headers"] == [{"name": "x-mine", "value": None, "value_base64": "/w=="}]
    assert by_value["{1"]["key_base64"] == "/w=="
    assert (by_value["{2"]["key"], by_value["{2"]["headers"]) == (None, [])


@pytest.mark.usefixtures("letters")
def test_nothing_goes_back_twice_whatever_is_asked_for() -> None:
    assert objects(run("dead-letters", "replay", "--reason", "not_json", "--json")) == [
        {"replayed": {Settings().raw_topic: 2}}
    ]
    assert listed() == {"{1": True, "{2": False, "{3": True}
    run("dead-letters", "replay")
    assert "Nothing to replay" in run("dead-letters", "replay").stdout
    assert arrived() == [("{1", 3), ("{2", 1), ("{3", 0)]


@pytest.mark.usefixtures("letters")
def test_a_replay_that_dies_half_way_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    send: Any = AIOKafkaProducer.send  # partly typed

    async def die_at_the_third(self: Any, topic: str, **record: Any) -> Any:
        if record["value"] == b"{3":
            raise ConnectionError("the network is gone")
        return await send(self, topic, **record)

    with monkeypatch.context() as patch:
        patch.setattr(AIOKafkaProducer, "send", die_at_the_third)
        with pytest.raises(Unavailable, match="0 replayed"):
            run("dead-letters", "replay")
    assert arrived() == []
    run("dead-letters", "replay")
    assert arrived() == [("{1", 3), ("{2", 1), ("{3", 0)]


@pytest.mark.usefixtures("letters")
def test_dead_letters_can_go_elsewhere(topics: Topics) -> None:
    result = run("dead-letters", "replay", "--to", "signals", "--json")
    assert objects(result) == [{"replayed": {topics.signals.name: 3}}]
    assert arrived() == []


def test_a_letter_whose_topic_is_gone_needs_another(settings: Settings, topics: Topics) -> None:
    put(settings, topics.dead_letters.name, (b"k", b"{", dead("raw.gone.v1", 0, "not_json")))
    with pytest.raises(BadSetting, match=r"no topic raw\.gone\.v1.*--to"):
        run("dead-letters", "replay")


# the doctor


def verdicts(result: Result) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in objects(result)}


def test_the_doctor_finds_what_is_missing_and_says_what_to_do(
    settings: Settings, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, topics.raw.name, (b"k", b"{}", ()))
    monkeypatch.setenv("PATHLINE_METRICS_PORT", str(free_port()))
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert verdicts(result) == {
        "broker": "fine",
        "topics": "fine",
        "worker": "wrong",
        "lag ingest": "wrong",
        "lag follow": "fine",
    }
    assert all(check["hint"] for check in objects(result) if check["verdict"] == "wrong")
    monkeypatch.setenv("PATHLINE_TOPIC_PREFIX", "other.")
    assert "pathline topics create" in run("doctor").stdout


def test_the_doctor_without_a_broker_looks_at_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATHLINE_BROKER", f"127.0.0.1:{free_port()}")
    result = run("doctor", "--json")
    assert (result.exit_code, verdicts(result)) == (3, {"broker": "wrong"})


@pytest.fixture
def worker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerProcess]:
    at = settings.model_copy(update={"metrics_port": free_port()})
    monkeypatch.setenv("PATHLINE_METRICS_PORT", str(at.metrics_port))
    with WorkerProcess(at, settings.state_dir / "worker.log") as process:
        asyncio.run(wait_until_ready(process, SystemClock()))
        yield process


@pytest.mark.usefixtures("worker")
def test_with_a_worker_all_is_fine() -> None:
    result = run("doctor", "--json")
    assert set(verdicts(result).values()) == {"fine"}, result.stdout
    assert result.exit_code == 0
