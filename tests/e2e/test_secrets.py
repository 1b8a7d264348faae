"""Nothing marked comes out: neither payloads nor secrets, whatever happens to a record."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streams.acls import load_roles
from streams.cli import app
from streams.kafka.admin import create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.secure_kafka import PASSWORDS, SecureKafka, allow
from tests.e2e.workers import RULES, send, with_rules, workers
from tests.kafka_settings import environment

CRASHING = [sys.executable, str(Path(__file__).with_name("crashing_worker.py"))]
KEY = "5ec2e7" + "00" * 29
MARK = re.compile(f"m4rked|{PASSWORDS['worker']}|{KEY[:8]}", re.IGNORECASE)


def event(type: str, **changes: Any) -> tuple[bytes, bytes]:
    """Everything that a sender may fill in is marked."""
    value = {
        "specversion": "1.0",
        "id": f"m4rked-{type}",
        "source": "//m4rked/crm",
        "type": type,
        "time": "2026-03-02T09:00:00Z",
        "subject": "m4rked-account",
        "data": {"m4rked": "m4rked"},
    }
    return b"m4rked-account", json.dumps(value | changes).encode()


GOOD = [event("page.compared"), event("paper.downloaded"), event("contract.revised")]
BAD = [
    (b"m4rked", b"<m4rked/>"),
    (b"m4rked\xff", b"{}"),
    event("M4rked"),
    event("a.b", time="m4rked"),
    event("a.b", time="2026-03-02T09:00:00"),
    event("a.b", subject=["m4rked"]),
    event("a.b", data="m4rked"),
    event("a.b", specversion="m4rked"),
    event("a.b", subject="m4rked" * 100),
]
CONTROL = [(b"\x00m4rked", b"m4rked"), (b"\x00tick", b'{"m4rked":1}')]


@pytest.fixture
async def base(secure_kafka: SecureKafka, tmp_path: Path) -> Settings:
    keys = tmp_path / "keys"
    keys.write_text(f"k1 {KEY}")
    base = secure_kafka.superuser(tmp_path, control_key_file=keys, checkpoint_s=0.5)
    base = with_rules(base, tmp_path / "rules", *RULES)
    await create_topics(base)
    await allow(base, "worker", load_roles(base)["worker"].rights)
    return base


def shown(settings: Settings, *command: str) -> str:
    result = CliRunner().invoke(app, command, env=environment(settings))
    assert len(result.output) > 100
    return result.output + str(result.exception)


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_log_no_metric_and_no_command_shows_them(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path, log_format: str
) -> None:
    topics = Topics(base)
    with workers() as start:
        settings = secure_kafka.login(base, "worker", log_format=log_format)
        worker = start(settings, tmp_path / "worker.log", command=CRASHING)
        await asyncio.to_thread(worker.wait_ready)
        rows = [*GOOD, *BAD, event("engine.broken"), event("page.compared", id="later")]
        await send(base, topics.raw.name, rows)
        await send(base, topics.interactions.name, CONTROL)
        letters = "pathline_dead_letters_total"
        await asyncio.to_thread(worker.wait_until, lambda: worker.reading(letters) == len(BAD) + 2)
        metrics = worker.ask("/metrics")[1]
        seen = [
            await asyncio.to_thread(shown, worker.settings, *command)
            for command in (["settings"], ["settings", "--json"], ["doctor"], ["topics", "list"])
        ]
        await send(base, topics.raw.name, [event("ingest.broken")])
        assert await asyncio.to_thread(worker.process.wait, 30) == 70
    assert not MARK.search("\n".join([metrics, *seen, worker.text]))
    for told in (
        "in quarantine",
        "control record is refused",
        "crashing_worker.py",
        "RuntimeError",
    ):
        assert told in worker.text, "the log tells what happened, if not to whom"
