"""How every client reaches Kafka: the arguments for aiokafka and for Faust, from the settings."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from errno import EINVAL
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.auth import Credentials, OAuthCredentials

from models.errors import BadSetting, Unavailable
from streams.settings import Settings

TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, 2.1

# What aiokafka logs goes where logging is set up (the worker); a command prints our error alone.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


def client_options(settings: Settings) -> dict[str, Any]:
    """Arguments of each aiokafka client. Raises BadSetting for a wrong file of authorities.

    >>> client_options(Settings(broker="kafka-1:9092,kafka-2:9092"))["bootstrap_servers"]
    ['kafka-1:9092', 'kafka-2:9092']
    """
    options: dict[str, Any] = {
        "bootstrap_servers": servers(settings),
        "security_protocol": settings.security,
    }
    if settings.security.endswith("SSL"):
        options["ssl_context"] = tls_context(settings)
    if settings.security.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
    if uses_token(settings):
        options["sasl_oauth_token_provider"] = TokenFile(settings)
    elif settings.security.startswith("SASL"):
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = password(settings)
    return options


def faust_options(settings: Settings) -> dict[str, Any]:
    """Arguments of `faust.App`: `broker` and `broker_credentials`.

    >>> faust_options(Settings(broker="kafka-1:9092"))["broker"]
    ['kafka://kafka-1:9092']
    """
    credentials: Credentials | None = None
    tls = tls_context(settings) if settings.security.endswith("SSL") else None
    if uses_token(settings):
        credentials = OAuthCredentials(oauth_cb=TokenFile(settings), ssl_context=tls)
    elif settings.security.startswith("SASL"):
        credentials = faust.SASLCredentials(
            username=settings.sasl_username,
            password=password(settings),
            mechanism=settings.sasl_mechanism,
            ssl_context=tls,
        )
    elif tls:
        credentials = faust.SSLCredentials(tls)
    return {
        "broker": [f"kafka://{server}" for server in servers(settings)],
        "broker_credentials": credentials,
    }


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that has reached the broker. Raises Unavailable when none lets us in."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    causes = _Causes()
    logger = logging.getLogger("aiokafka")
    logger.addHandler(causes)
    try:
        await admin.start()
        if not admin._client.cluster.brokers():  # aiokafka takes the no to a token for a yes
            raise KafkaError("it answers nothing, as when a token has expired or is refused")
    except (KafkaError, OSError) as error:
        await admin.close()
        raise Unavailable(
            f"no Kafka lets us in at {settings.broker} ({settings.security}):"
            f" {'; '.join(causes.told) or error}."
            " Start the embedded one with `pathline broker start`, or set PATHLINE_BROKER."
        ) from None
    finally:
        logger.removeHandler(causes)
    try:
        yield admin
    finally:
        await admin.close()


class _Causes(logging.Handler):
    """aiokafka logs why it could not connect (a certificate, a password) and raises without it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


class TokenFile(AbstractTokenProvider):
    """The token of OAUTHBEARER as its file has it now; aiokafka asks at each login.

    aiokafka does not log in again on an open connection: a broker that limits a session to the life
    of its token (connections.max.reauth.ms) closes it, and the next one reads the file anew.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises BadSetting when there is no token to begin with."""
        self._file = cast(Path, settings.sasl_token_file)
        try:
            self._read()
        except OSError as error:
            raise BadSetting(f"PATHLINE_SASL_TOKEN_FILE={self._file}: {error.strerror}") from None

    async def token(self) -> str:
        """Raises OSError: this login fails, and the client tries again."""
        return self._read()

    def _read(self) -> str:
        token = self._file.read_text("utf-8", "replace").strip()
        if not TOKEN.fullmatch(token):  # the token itself stays out of the message
            raise OSError(EINVAL, "does not hold a token alone")
        return token


def uses_token(settings: Settings) -> bool:
    """Whether a token lets us in, not a name and a password."""
    return settings.security.startswith("SASL") and settings.sasl_mechanism == "OAUTHBEARER"


def servers(settings: Settings) -> list[str]:
    """The brokers to ask first, each host:port."""
    return [server.strip() for server in settings.broker.split(",")]


def password(settings: Settings) -> str | None:
    """The SASL password in the clear: for a client's arguments only."""
    return settings.sasl_password.get_secret_value() if settings.sasl_password else None


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Verifies the broker's certificate and host name. Raises BadSetting."""
    try:
        return ssl.create_default_context(cafile=settings.tls_ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise BadSetting(
            f"PATHLINE_TLS_CA_FILE={settings.tls_ca_file} cannot be used: {error};"
            " it must be a PEM file with the certificate of the broker's authority"
        ) from None
