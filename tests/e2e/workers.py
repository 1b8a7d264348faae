"""Workers as processes, and traffic for them; what they say is for tests/e2e/judge.py."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from streams.checkpoint import partition_of
from streams.connection import client_options
from streams.kafka.port import free_port
from streams.reader import Stored, open_reader
from streams.settings import Settings
from tests.kafka_settings import environment
from tests.story import COMMON, TESTS

COMMAND = [sys.executable, "-c", "from streams.cli import main; main()", "worker"]
PATIENCE_S = 60.0
RULES: list[dict[str, Any]] = [
    {
        "id": "legal",
        "kind": "sla",
        "start": {"type": "contract.revised"},
        "stop": {"type": "legal.replied"},
        "goal": {"within": "1h"},
        "warn_at": [0.5],
    },
    {
        "id": "paper",
        "kind": "sequence",
        "steps": [{"type": "page.compared"}, {"type": "paper.downloaded"}],
        "within": "30m",
    },
    {
        "id": "quiet",
        "kind": "absence",
        "anchor": {"type": "trial.started"},
        "expect": {"type": "feature.used"},
        "deadline": {"after": "2h"},
        "measure": "since_last",
    },
]
TYPES = (
    "contract.revised",
    "legal.replied",
    "page.compared",
    "paper.downloaded",
    "trial.started",
    "feature.used",
    "page.viewed",
)


def with_rules(settings: Settings, folder: Path, *rules: dict[str, Any]) -> Settings:
    """The settings, with these rules in a folder of their own."""
    folder.mkdir(parents=True)
    for rule in rules:
        whole = {**COMMON, "tests": TESTS, **rule}
        (folder / f"{rule['id']}.yml").write_text(yaml.safe_dump(whole), "utf-8")
    return settings.model_copy(update={"rules": folder})


class WorkerProcess:
    """`pathline worker`; ends with the test. command: another program, for fault tests."""

    def __init__(
        self, settings: Settings, log: Path, *arguments: str, command: Iterable[str] = COMMAND
    ) -> None:
        self.settings = settings.model_copy(update={"metrics_port": free_port()})
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*command, *arguments], env=environment(self.settings), stdout=out, stderr=out
            )
        self.began_s = time.monotonic()

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP question; status 0 while nobody answers."""
        url = f"http://127.0.0.1:{self.settings.metrics_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
        except OSError:
            return 0, ""

    def samples(self, name: str, **labels: str) -> list[float]:
        """Those of a metric with these labels."""
        return [
            sample.value
            for family in text_string_to_metric_families(self.ask("/metrics")[1])
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def reading(self, name: str, **labels: str) -> float:
        """Their sum."""
        return sum(self.samples(name, **labels))

    def applied(self, agent: str) -> float:
        return self.reading("pathline_events_total", agent=agent)

    def wait_ready(self) -> float:
        """s from the start."""
        self.wait_until(lambda: self.ask("/readyz")[0] == 200)
        return time.monotonic() - self.began_s

    def wait_until(self, done: Any, patience_s: float = PATIENCE_S) -> None:
        give_up = time.monotonic() + patience_s
        while not done():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.tail}"
            assert time.monotonic() < give_up, f"not in {patience_s} s: {self.tail}"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    @property
    def text(self) -> str:
        """What it has logged."""
        return self.log.read_text("utf-8")

    @property
    def tail(self) -> str:
        return "\n".join(self.text.splitlines()[-15:])


@contextmanager
def workers() -> Iterator[Any]:
    """Starts workers; none outlives the test."""
    started: list[WorkerProcess] = []

    def start(*arguments: Any, **options: Any) -> WorkerProcess:
        started.append(WorkerProcess(*arguments, **options))
        return started[-1]

    try:
        yield start
    finally:
        for worker in started:
            with suppress(ProcessLookupError):
                worker.kill()


def is_drained(worker: Any) -> bool:
    """Whether it holds all partitions, and nothing is left to read or to commit."""
    return bool(
        worker.ask("/readyz")[0] == 200
        and worker.reading("pathline_partition_ready") == 2 * worker.settings.partitions
        and worker.reading("pathline_lag_records") == 0
        and worker.reading("pathline_uncommitted_records") == 0
    )


def passage_s(worker: Any) -> float:
    """s in which a record passes both agents: a checkpoint of each, and a fetch."""
    return 2 * float(worker.settings.checkpoint_s) + 1


async def settle(worker: Any) -> None:
    """Wait until it has done all that was sent."""
    await asyncio.to_thread(worker.wait_until, lambda: is_drained(worker), 180)
    await asyncio.sleep(passage_s(worker))  # what ingest wrote last has been fetched and applied
    await asyncio.to_thread(worker.wait_until, lambda: is_drained(worker), 60)


async def drain(worker: Any) -> None:
    """Wait until it has done all, and stop it."""
    await settle(worker)
    assert await asyncio.to_thread(worker.stop) == 0


def traffic(events: int, accounts: int, seed: int) -> Iterator[tuple[bytes, bytes]]:
    """(account, structured CloudEvent): 10 s apart, some late, some twice."""
    chance = random.Random(seed)
    begin_s = datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp()
    for n in range(events):
        late_s = chance.choice((0, 0, 0, 0, 0, 0, 0, 60, 1_800, 30_000))
        value = {
            "specversion": "1.0",
            "id": f"e{n if chance.random() > 0.02 else max(0, n - 1)}",
            "source": "//test/crm",
            "type": chance.choice(TYPES),
            "time": datetime.fromtimestamp(begin_s + 10 * n - late_s, UTC).isoformat(),
            "subject": f"acct-{chance.randrange(accounts)}",
        }
        yield value["subject"].encode(), json.dumps(value).encode()


async def send(
    settings: Settings, topic: str, rows: Iterable[tuple[bytes, bytes]], rate: float = 1e9
) -> None:
    """In order within an account; rate: records/s."""
    producer = AIOKafkaProducer(
        **client_options(settings), linger_ms=5, max_request_size=8_000_000, acks="all"
    )
    await producer.start()
    began = time.monotonic()
    try:
        for n, (key, value) in enumerate(rows):
            partition = partition_of(key, settings.partitions)
            await producer.send(topic, value, key, partition)
            if n % 50 == 0 and (ahead := n / rate - (time.monotonic() - began)) > 0:
                await asyncio.sleep(ahead)
        await producer.flush()
    finally:
        await producer.stop()


async def stored(settings: Settings, topic: str) -> dict[int, list[Stored]]:
    """All that is committed, by partition, in order."""
    found: dict[int, list[Stored]] = defaultdict(list)
    async with open_reader(settings, topic) as reader:
        async for record in reader.to_end():
            found[record.partition].append(record)
    return {p: sorted(records, key=lambda r: r.offset) for p, records in sorted(found.items())}
