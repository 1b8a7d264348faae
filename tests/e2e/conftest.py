"""One real Kafka for all e2e tests; names of its own for each."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.broker import EmbeddedKafka
from streams.settings import Settings
from tests.e2e.secure_kafka import SecureKafka
from tests.kafka_settings import settings_for

HERE = Path(__file__).parent
JARS = Settings().cache_dir.expanduser() / "jars"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m 'not e2e'` leaves out this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """The Kafka itself, for tests that pause or kill it; they must leave it running."""
    kafka = EmbeddedKafka(tmp_path_factory.mktemp("kafka"), port=0, cache=JARS)
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("SIGTERM"))  # so it ends then too
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.stop()
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """One with TLS, logins and ACLs."""
    secure = SecureKafka(tmp_path_factory.mktemp("secure"), JARS)
    try:
        secure.start()
        yield secure
    finally:
        secure.kafka.stop()


@pytest.fixture
def kafka(embedded_kafka: EmbeddedKafka) -> str:
    """host:port of the running Kafka; it is started again if the test before had ended it."""
    embedded_kafka.start()
    return embedded_kafka.bootstrap


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Callable[..., EmbeddedKafka]]:
    """Makes a Kafka for this test alone, not started; extra properties are arguments."""
    made: list[EmbeddedKafka] = []

    def make(name: str = "own kafka", port: int = 0, **extra: str) -> EmbeddedKafka:
        properties = {key.replace("_", "."): value for key, value in extra.items()}
        made.append(EmbeddedKafka(tmp_path / name, port, JARS, properties))
        return made[-1]

    yield make
    for kafka in made:
        kafka.stop()


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> Settings:
    """Settings whose topics, group and folders no other test has; no topic exists yet."""
    return settings_for(kafka, tmp_path)
