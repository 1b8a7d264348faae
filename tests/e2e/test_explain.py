"""`pathline rules explain` against running workers, which do not notice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from streams.cli import app
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.judge import compare, judge, published
from tests.e2e.workers import RULES, drain, is_drained, send, traffic, with_rules, workers
from tests.kafka_settings import environment


def explain(settings: Settings, *words: str) -> Result:
    env = environment(settings)
    return CliRunner().invoke(app, ["rules", "explain", *words], env=env)


async def test_what_is_explained_is_what_the_workers_said(
    settings: Settings, tmp_path: Path
) -> None:
    settings = with_rules(settings, tmp_path / "rules", *RULES)
    await create_topics(settings)
    with workers() as start:
        worker = start(settings, tmp_path / "worker.log")
        await asyncio.to_thread(worker.wait_ready)
        await send(settings, Topics(settings).raw.name, traffic(2_000, accounts=5, seed=7))
        await asyncio.to_thread(worker.wait_until, lambda: worker.applied("follow") > 1_900)
        await asyncio.to_thread(worker.wait_until, lambda: is_drained(worker))
        live = await explain_all(settings)
        words = ("legal", "--account", "acct-1", "--at", "2026-01-05T09:00:00+00:00")
        early = await asyncio.to_thread(explain, settings, *words)
        unknown = await asyncio.to_thread(explain, settings, "legl", "--account", "acct-1")
        await drain(worker)
    said, after = await published(settings), await explain_all(settings)
    for rule, account in after:
        alerts = alerts_of(said.alerts[account], rule)
        told = told_in(live[rule, account])
        assert told == alerts[: len(told)]  # the clock goes on while we ask
        assert told_in(after[rule, account]) == alerts
        assert after[rule, account]["fired"] == ("firing" in dict(alerts))
    assert any(found["next_deadline"] for found in live.values())
    assert all("rule set" in found["source"] for found in live.values())
    assert "the clock stands at 2026-01-05 09:00:00" in early.stdout
    assert "did you mean 'legal'?" in str(unknown.exception)
    compare(said, await judge(settings))


async def explain_all(settings: Settings) -> dict[tuple[str, str], dict[str, Any]]:
    """By rule and account."""
    found = {}
    for rule in RULES:
        for account in (f"acct-{n}" for n in range(5)):
            words = (rule["id"], "--account", account, "--json")
            result = await asyncio.to_thread(explain, settings, *words)
            found[rule["id"], account] = json.loads(result.stdout)
    return found


def told_in(explained: dict[str, Any]) -> list[tuple[str, str]]:
    return [(t["state"], t["step"]) for m in explained["moments"] for t in m["told"]]


def alerts_of(alerts: list[tuple[str, dict[str, Any]]], rule: str) -> list[tuple[str, str]]:
    return [(a["state"], a["step"]) for _, a in alerts if a["rule"]["id"] == rule]


async def test_before_a_worker_ran_there_is_nothing_to_read(settings: Settings) -> None:
    await create_topics(settings)
    result = await asyncio.to_thread(explain, settings, "legal", "--account", "acme")
    assert "no worker of" in str(result.exception)
    assert "--from FILE.jsonl" in str(result.exception)
