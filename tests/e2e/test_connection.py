"""A Kafka that asks for TLS and a password, as production does: in with both, never without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from models.errors import Unavailable
from streams.broker import EmbeddedKafka
from streams.connection import connect, faust_options
from streams.kafka.admin import check_topics, create_topics
from streams.kafka.port import free_port
from streams.settings import Settings
from streams.topics import Topics
from tests.kafka_settings import settings_for

PASSWORD = "s3cret"
MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"


def secure_listener(port: int, plain: int, controller: int, certificate: trustme.LeafCert) -> Any:
    """A third listener, SASL_SSL with PLAIN, beside those of the embedded Kafka."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(  # Kafka reads this form alone
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    ours = f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{port}"
    return {
        "listeners": f"{ours},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": ours,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL"
        ),
        "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secure.plain.sasl.jaas.config": (
            f'{MODULE} required user_pathline="{PASSWORD}";'
        ),
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.key": pkcs8.decode(),
        "listener.name.secure.ssl.keystore.certificate.chain": chain.decode(),
    }


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return ca


@pytest.fixture
def secure(
    own_kafka: Callable[..., EmbeddedKafka], authority: trustme.CA, tmp_path: Path
) -> Settings:
    """Settings that are let in."""
    port, plain = free_port(), free_port()
    certificate = authority.issue_cert("127.0.0.1")
    own_kafka(port=plain, **secure_listener(port, plain, free_port(), certificate)).start()
    return settings_for(
        f"127.0.0.1:{port}",
        tmp_path,
        security="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="pathline",
        sasl_password=PASSWORD,
        tls_ca_file=tmp_path / "ca.pem",
    )


async def test_with_authority_and_password_topics_are_made_and_faust_writes(
    secure: Settings,
) -> None:
    await create_topics(secure)
    assert await check_topics(secure) == []
    app = faust.App(secure.app_id, **faust_options(secure))
    await app.producer.start()
    try:
        sent = await app.producer.send_and_wait(
            Topics(secure).raw.name, b"k", b"v", partition=0, timestamp=None, headers=None
        )
    finally:
        await app.producer.stop()
    assert sent.offset == 0


async def test_a_wrong_password_a_stranger_and_an_unknown_authority_stay_out(
    secure: Settings,
) -> None:
    change = secure.model_dump() | {"sasl_password": "wrong"}
    assert "Authentication failed" in await refusal(Settings(**change))
    change = secure.model_dump() | {"tls_ca_file": None}
    assert "CERTIFICATE_VERIFY_FAILED" in await refusal(Settings(**change))
    change = secure.model_dump() | {"security": "PLAINTEXT"}
    assert secure.broker in await refusal(Settings(**change))


async def refusal(settings: Settings) -> str:
    with pytest.raises(Unavailable) as refused:
        async with connect(settings):
            pass
    return str(refused.value)
