"""A Kafka as production has it: TLS, logins of every kind, an authorizer that denies by default.

One for all tests that need it. Beside the listeners for clients it has a plain one, where whoever
comes is a superuser: tests set the stage and look behind the curtain there.
"""

from __future__ import annotations

import asyncio
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import time
from typing import Any

import msgspec
import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest
from cryptography.hazmat.primitives import serialization

from streams.acls import Access, Pattern
from streams.broker import EmbeddedKafka
from streams.connection import connect
from streams.kafka.jars import load_jars
from streams.kafka.java import find_java
from streams.kafka.port import free_port
from streams.settings import Settings
from tests.kafka_settings import settings_for

SECURITY = "org.apache.kafka.common.security"
UNSECURED = f"{SECURITY}.oauthbearer.internals.unsecured"
LACKING = ("without-changelog", "without-transactional-id", "without-group")
ROLES = (
    "worker",
    "ingest",
    "follow",
    "sender",
    "reader",
    "operator",
    "monitoring",
    "publisher",
    "learn",
)
PASSWORDS = {name: f"{name}-s3cret" for name in (*ROLES, *LACKING)}
SCRAM_USER = "scrammed"
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
PATTERNS = {Pattern.LITERAL: 3, Pattern.PREFIXED: 4}
ALLOW, ANY_HOST, ANY = 3, "*", 1


class SecureKafka:
    """folder: of its data and its authority's certificate. jars: of the embedded Kafka."""

    def __init__(self, folder: Path, jars: Path) -> None:
        self.authority_file = folder / "authority.pem"
        self._folder = folder
        self._jars = jars
        self._port, self._stranger_port, plain = free_port(), free_port(), free_port()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority_file)
        names = {"secure": (self._port, "127.0.0.1"), "elsewhere": (self._stranger_port, "a.test")}
        listeners = {"plaintext": plain, **{name: port for name, (port, _) in names.items()}}
        properties = server(listeners, free_port())
        for name, (_, host) in names.items():
            properties |= secure_listener(name, authority.issue_cert(host))
        self.kafka = EmbeddedKafka(folder / "kafka", plain, jars, properties)

    def start(self) -> None:
        self.kafka.start()
        self._add_scram_user()

    def _add_scram_user(self) -> None:
        """As an operator does; the credentials lie in the metadata log."""
        credentials = f"SCRAM-SHA-512=[password={SCRAM_USER}-s3cret]"
        classes = ":".join(map(str, load_jars(self._jars)))
        command = [str(find_java({})), "-cp", classes, "kafka.admin.ConfigCommand", "--alter"]
        command += ["--bootstrap-server", self.kafka.bootstrap, "--add-config", credentials]
        command += ["--entity-type", "users", "--entity-name", SCRAM_USER]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def superuser(self, folder: Path, **changes: Any) -> Settings:
        """Settings of an installation of its own, for setting the stage."""
        return settings_for(self.kafka.bootstrap, folder, **changes)

    def login(self, base: Settings, user: str, **changes: Any) -> Settings:
        """The same installation, reached as this user by PLAIN over TLS."""
        login = {
            "broker": f"127.0.0.1:{self._port}",
            "security": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_username": user,
            "sasl_password": PASSWORDS.get(user, "none"),
            "tls_ca_file": self.authority_file,
        }
        return Settings(**base.model_dump() | login | changes)

    @property
    def elsewhere(self) -> str:
        """host:port whose certificate is that of another host."""
        return f"127.0.0.1:{self._stranger_port}"


def server(listeners: Mapping[str, int], controller: int) -> dict[str, str]:
    """Who is not a superuser may do nothing until an ACL says so."""
    ours = ",".join(f"{name.upper()}://127.0.0.1:{port}" for name, port in listeners.items())
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    protocols |= {n.upper(): "SASL_SSL" for n in listeners if n != "plaintext"}
    return {
        "listeners": f"{ours},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": ours,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "log.cleaner.backoff.ms": "200",  # for what erasure leaves behind
    }


def secure_listener(name: str, certificate: trustme.LeafCert) -> dict[str, str]:
    """SASL_SSL with each mechanism that Pathline knows."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(  # Kafka reads this form alone
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
    modules = {
        "plain": f"plain.PlainLoginModule required {users}",
        "scram-sha-512": "scram.ScramLoginModule required",
        "oauthbearer": (
            'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"'
        ),
    }
    settings = {
        "sasl.enabled.mechanisms": ",".join(map(str.upper, modules)),
        **{f"{m}.sasl.jaas.config": f"{SECURITY}.{text};" for m, text in modules.items()},
        "oauthbearer.sasl.server.callback.handler.class": (
            f"{UNSECURED}.OAuthBearerUnsecuredValidatorCallbackHandler"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": pkcs8.decode(),
        "ssl.keystore.certificate.chain": b"".join(
            pem.bytes() for pem in certificate.cert_chain_pems
        ).decode(),
    }
    return {f"listener.name.{name}.{key}": value for key, value in settings.items()}


def unsigned_token(user: str, life_s: int = 600) -> str:
    """A JSON Web Token without a signature, as the broker's validator for tests takes it."""
    now_s = int(time())
    claims = {"sub": user, "iat": now_s, "exp": now_s + life_s, "scope": ""}
    parts = [msgspec.json.encode(part) for part in ({"alg": "none"}, claims)]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


class Grants(CreateAclsRequest):
    """Several in one request, which Kafka takes and aiokafka's own does not."""

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self._rows = rows

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._rows)


async def allow(settings: Settings, user: str, rights: Iterable[Access]) -> None:
    """Give a user these rights; settings: of a superuser."""
    rows: list[tuple[object, ...]] = [
        (RESOURCES[right.kind], right.name, PATTERNS[right.pattern], f"User:{user}", ANY_HOST,
         OPERATIONS[operation], ALLOW)
        for right in rights
        for operation in right.operations
    ]  # fmt: skip
    async with connect(settings) as admin:
        response = await admin._send_request(Grants(rows))
        made = response.to_object()["creation_responses"]
        assert {each["error_code"] for each in made} == {0}
        async with asyncio.timeout(10):  # the log has them, the authorizer a moment later
            while not {row[:3] for row in rows} <= await _granted(admin, user):  # noqa: ASYNC110 - Kafka's own time
                await asyncio.sleep(0.05)


async def _granted(admin: AIOKafkaAdminClient, user: str) -> set[tuple[object, ...]]:
    """Type, name and pattern of what the broker knows of a user's rights."""
    everything = DescribeAclsRequest(ANY, None, ANY, f"User:{user}", None, ANY, ANY)  # type: ignore[arg-type]
    found = (await admin._send_request(everything)).to_object()["resources"]
    return {(r["resource_type"], r["resource_name"], r["resource_pattern_type"]) for r in found}
