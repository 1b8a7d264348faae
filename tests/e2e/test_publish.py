"""Publishing rule sets to two running workers under traffic, and going back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.alert import encode_alert
from models.errors import Unavailable
from rules.loader import load
from rules.ruleset import RuleSet, compile_rules
from streams.acls import load_roles
from streams.appender import SoleAppender
from streams.cli import app
from streams.control import RULES_KEY, Activate, is_control, parse_control
from streams.kafka.admin import create_topics
from streams.published import load_history, publish, publisher_id
from streams.settings import Settings
from streams.shelf import fetch_from
from streams.topics import Topics
from tests.e2e.judge import Verdict, compare, engine_for, obey, published
from tests.e2e.secure_kafka import SecureKafka, allow
from tests.e2e.workers import WorkerProcess, drain, send, stored, traffic, with_rules, workers
from tests.kafka_settings import environment

START = "2026-03-02T09:00:00+00:00"
DIGEST = re.compile(r'pathline_rules_info\{digest="(\w+)",partition="(\d+)"\} 1')


def proven(rule: dict[str, Any], events: list[str], *expect: dict[str, str]) -> dict[str, Any]:
    """With an owner and tests that hold, so that it may be published."""
    story = {"start": START, "events": [{"at": f"{n}m", "type": t} for n, t in enumerate(events)]}
    tests = [
        {"name": "fires", **story, "run_until": "1d", "expect": list(expect)},
        {"name": "silent", "start": START, "events": [], "expect": []},
    ]
    return {**rule, "owner": "desk", "tests": tests}


def legal(within: str) -> dict[str, Any]:
    start, stop = {"type": "contract.revised"}, {"type": "legal.replied"}
    rule = {"id": "legal", "kind": "sla", "start": start, "stop": stop, "goal": {"within": within}}
    rule["on_change"] = "finish"
    return proven(rule, ["contract.revised"], {"at": within, "state": "firing"})


def match(id: str, first: str, second: str) -> dict[str, Any]:
    steps = [{"type": first}, {"type": second}]
    rule = {"id": id, "kind": "sequence", "steps": steps, "within": "30m"}
    return proven(rule, [first, second], {"at": "1m", "state": "firing"})


PAPER = match("paper", "page.compared", "paper.downloaded")
TRIAL = match("trial", "trial.started", "feature.used")


def rules(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["rules", *words], env=environment(settings))


def active(started: list[WorkerProcess]) -> dict[str, str]:
    """The digest of each partition, by all workers' metrics."""
    return {p: digest for w in started for digest, p in DIGEST.findall(w.ask("/metrics")[1])}


async def test_two_workers_follow_what_is_published(settings: Settings, tmp_path: Path) -> None:
    first = with_rules(settings, tmp_path / "first", legal("1h"), PAPER)
    second = with_rules(settings, tmp_path / "second", legal("3h"), TRIAL)
    await create_topics(settings)
    books = [load(s.rules, s.calendars) for s in (first, second)]
    digests = [book.digest for book in books]
    assert "published" in (await asyncio.to_thread(rules, first, "publish")).stdout
    with workers() as start:  # one has another folder, as in the middle of a rolling deploy
        started = [start(s, tmp_path / f"{n}.log") for n, s in enumerate((first, second))]
        for worker in started:
            await asyncio.to_thread(worker.wait_ready)
        events = traffic(6_000, accounts=40, seed=3)

        async def step(digest: str, *words: str) -> None:
            """Traffic, the change in the midst of it, and all partitions have it."""
            sent = asyncio.create_task(
                send(settings, Topics(settings).raw.name, islice(events, 2_000), rate=1_000)
            )
            await asyncio.sleep(0.5)
            if words:
                result = await asyncio.to_thread(rules, first, *words)
                assert result.exit_code == 0, result.output
            await sent
            wanted = {str(p): digest for p in range(settings.partitions)}
            await asyncio.to_thread(started[0].wait_until, lambda: active(started) == wanted)

        await step(digests[0])
        changed = await asyncio.to_thread(rules, first, "diff", "published", str(second.rules))
        await step(digests[1], "publish", "--rules", str(second.rules))
        await asyncio.to_thread(started[1].kill)  # old versions are found again by who takes over
        started[1] = start(second, tmp_path / "again.log")
        await asyncio.to_thread(started[1].wait_ready)
        await step(digests[0], "rollback")
        for worker in started:
            await asyncio.to_thread(worker.wait_until, lambda w=worker: is_settled(w))
        assert await asyncio.to_thread(started[1].stop) == 0
        await drain(started[0])
    log = await stored(settings, Topics(settings).interactions.name)
    for records in log.values():
        told = [json.loads(r.value or b"")["digest"] for r in records if r.key == RULES_KEY]
        turns = [d for n, d in enumerate(told) if n == 0 or told[n - 1] != d]
        assert turns == [digests[0], digests[1], digests[0]]
    assert changed.exit_code == 1
    assert "goal.within: '1h' to '3h'" in changed.stdout
    assert "removed  rule paper: open cases end, their alerts expire" in changed.stdout
    sets = {book.digest: compile_rules(book) for book in books}
    said = await published(settings)
    spoke = {a["rule"]["digest"] for told in said.alerts.values() for _, a in told}
    assert spoke == set(digests)
    compare(said, await judged(settings, sets, digests[0]))


def is_settled(worker: WorkerProcess) -> bool:
    """All that it holds is applied and committed."""
    return worker.reading("pathline_lag_records") == 0 and (
        worker.reading("pathline_uncommitted_records") == 0
    )


async def judged(settings: Settings, sets: Mapping[str, RuleSet], begin: str) -> Verdict:
    """The pure engine over the log, which says itself when which rule set was active."""
    verdict = Verdict()
    for partition, records in (await stored(settings, Topics(settings).interactions.name)).items():
        engine = engine_for(settings, sets[begin], partition)
        for record in records:
            if is_control(record.key) and record.key == RULES_KEY:
                control = parse_control(RULES_KEY, record.value)
                assert isinstance(control, Activate)
                outputs = engine.activate(sets[control.digest])
            else:
                outputs = obey(engine, engine.rules, record)
            for topic, alert in outputs:
                verdict.add(topic, json.loads(encode_alert(alert)))
        verdict.accounts |= engine.accounts
    return verdict


async def test_what_is_broken_is_refused_before_anything_is_written(
    settings: Settings, tmp_path: Path
) -> None:
    await create_topics(settings)
    failing = {**legal("1h"), "goal": {"within": "2h"}}
    unowned = {**legal("1h"), "owner": None}
    for n, (rule, said) in enumerate(((failing, "differences"), (unowned, "PL002"))):
        broken = with_rules(settings, tmp_path / f"broken{n}", rule)
        result = await asyncio.to_thread(rules, broken, "publish")
        assert (result.exit_code, said in result.stdout) == (1, True)
        assert "nothing was published" in result.stdout
    for topic in (Topics(settings).rules, Topics(settings).interactions):
        assert await stored(settings, topic.name) == {}


async def test_going_back_has_an_end(settings: Settings, tmp_path: Path) -> None:
    await create_topics(settings)
    empty = await asyncio.to_thread(rules, settings, "rollback")
    assert "no rule set was ever published" in str(empty.exception)
    folders = [with_rules(settings, tmp_path / w, legal(w)) for w in ("1h", "2h", "3h")]
    digests = [load(s.rules, s.calendars).digest for s in folders]
    for folder in folders:
        await asyncio.to_thread(rules, folder, "publish")
    to_first = await asyncio.to_thread(rules, settings, "rollback", digests[0][:12], "--json")
    found = json.loads(to_first.stdout)
    assert (found["digest"], found["was"]) == (digests[0], digests[2])
    again = await asyncio.to_thread(rules, settings, "rollback")
    assert "is the first that was published" in str(again.exception)
    same = await asyncio.to_thread(rules, settings, "diff", digests[0], str(folders[0].rules))
    assert (same.exit_code, "0 differences" in same.stdout) == (0, True)


async def test_of_two_who_publish_at_once_the_later_one_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = (
        load(s.rules, s.calendars)
        for s in (
            with_rules(settings, tmp_path / name, rule)
            for name, rule in (("first", PAPER), ("second", TRIAL))
        )
    )
    await create_topics(settings)
    fetch = fetch_from(settings, Topics(settings).rules.name)
    earlier, later = (SoleAppender(settings, publisher_id(settings)) for _ in range(2))
    try:
        await earlier.start()
        assert (await publish(settings, first, fetch, earlier, grace_s=0)).was is None
        await later.start()
        with pytest.raises(Unavailable, match="has begun after this one"):
            await publish(settings, second, fetch, earlier, grace_s=0)
        assert (await publish(settings, second, fetch, later, grace_s=0)).was == first.digest
        assert await load_history(fetch) == (first.digest, second.digest)
    finally:
        await earlier.stop()
        await later.stop()


async def test_a_publisher_needs_no_more_than_its_rights_and_signs(
    secure_kafka: SecureKafka, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("k1 " + "5e" * 32)
    base = secure_kafka.superuser(tmp_path, control_key_file=keys, partitions=2)
    base = with_rules(base, tmp_path / "rules", legal("1h"))
    await create_topics(base)
    for user, role in (("worker", "worker"), ("operator", "publisher")):
        await allow(base, user, load_roles(base)[role].rights)
    publisher = secure_kafka.login(base, "operator")
    digest = load(base.rules, base.calendars).digest
    result = await asyncio.to_thread(rules, publisher, "publish")
    assert result.exit_code == 0, result.output
    with workers() as start:
        other = with_rules(secure_kafka.login(base, "worker"), tmp_path / "other", legal("3h"))
        worker = start(other, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        await asyncio.to_thread(
            worker.wait_until, lambda: active([worker]) == {"0": digest, "1": digest}
        )
        assert worker.reading("pathline_control_records_refused_total") == 0
        await drain(worker)
