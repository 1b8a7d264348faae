"""A Kafka that asks for TLS and a login, as production does: in with both, never without."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import faust
import pytest

from models.errors import Unavailable
from streams.acls import load_roles
from streams.connection import connect, faust_options
from streams.kafka.admin import check_topics, create_topics
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.secure_kafka import SCRAM_USER, SecureKafka, allow, unsigned_token
from tests.e2e.workers import workers

# A TLS connection that the broker refuses is closed by its peer, after the test's loop has ended.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def base(secure_kafka: SecureKafka, tmp_path: Path) -> Settings:
    """A superuser's settings, of an installation that no other test has."""
    return secure_kafka.superuser(tmp_path)


def by_scram(secure_kafka: SecureKafka, base: Settings, **changes: Any) -> Settings:
    how = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_password": f"{SCRAM_USER}-s3cret"}
    return secure_kafka.login(base, SCRAM_USER, **how | changes)


def by_token(secure_kafka: SecureKafka, base: Settings, file: Path) -> Settings:
    return secure_kafka.login(base, "", sasl_mechanism="OAUTHBEARER", sasl_token_file=file)


async def refusal(settings: Settings) -> str:
    with pytest.raises(Unavailable) as refused:
        async with connect(settings):
            pass
    return str(refused.value)


@pytest.mark.parametrize("how", ["PLAIN", "SCRAM-SHA-512", "OAUTHBEARER"])
async def test_each_way_in_makes_the_topics_and_lets_faust_write(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path, how: str
) -> None:
    token = tmp_path / "token"
    token.write_text(unsigned_token("bearer"))
    user, settings = {
        "PLAIN": ("sender", secure_kafka.login(base, "sender")),
        "SCRAM-SHA-512": (SCRAM_USER, by_scram(secure_kafka, base)),
        "OAUTHBEARER": ("bearer", by_token(secure_kafka, base, token)),
    }[how]
    roles = load_roles(base)
    await allow(base, user, roles["installer"].rights + roles["sender"].rights)
    await create_topics(settings)
    assert await check_topics(settings) == []
    app = faust.App(settings.app_id, **faust_options(settings))
    await app.producer.start()
    try:
        sent = await app.producer.send_and_wait(
            Topics(settings).raw.name, b"k", b"v", partition=0, timestamp=None, headers=None
        )
    finally:
        await app.producer.stop()
    assert sent.offset == 0


async def test_a_token_is_read_anew_at_each_login(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(unsigned_token("bearer", life_s=-60))
    settings = by_token(secure_kafka, base, file)
    assert "a token has expired or is refused" in await refusal(settings)
    file.write_text(unsigned_token("bearer") + "\n")
    async with connect(settings):
        pass


async def test_wrong_passwords_stay_out(secure_kafka: SecureKafka, base: Settings) -> None:
    login = secure_kafka.login(base, "worker")
    for wrong in (
        login.model_dump() | {"sasl_password": "wrong"},
        by_scram(secure_kafka, base, sasl_password="wrong").model_dump(),
    ):
        told = await refusal(Settings(**wrong))
        assert "Authentication failed" in told
        assert "wrong" not in told


async def test_the_broker_must_prove_who_it_is(secure_kafka: SecureKafka, base: Settings) -> None:
    login = secure_kafka.login(base, "worker")
    unknown = Settings(**login.model_dump() | {"tls_ca_file": None})
    assert "CERTIFICATE_VERIFY_FAILED" in await refusal(unknown)
    other_host = Settings(**login.model_dump() | {"broker": secure_kafka.elsewhere})
    assert "IP address mismatch" in await refusal(other_host)


async def test_who_does_not_speak_tls_stays_out(secure_kafka: SecureKafka, base: Settings) -> None:
    plain = Settings(**secure_kafka.login(base, "worker").model_dump() | {"security": "PLAINTEXT"})
    assert plain.broker in await refusal(plain)


async def test_a_worker_with_a_wrong_password_says_so_and_ends(
    secure_kafka: SecureKafka, base: Settings, tmp_path: Path
) -> None:
    """Exit code 3: a supervisor need not try again."""
    wrong = secure_kafka.login(base, "worker", sasl_password="m4rked")
    with workers() as start:
        worker = start(wrong, tmp_path / "worker.log")
        assert await asyncio.to_thread(worker.process.wait, 30) == 3
    assert "Authentication failed" in worker.text
    assert "m4rked" not in worker.text
