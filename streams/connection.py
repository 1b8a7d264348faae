"""How every client reaches Kafka: the arguments for aiokafka and for Faust, from the settings."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import faust
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from models.errors import BadSetting, Unavailable
from streams.settings import Settings

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
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = password(settings)
    return options


def faust_options(settings: Settings) -> dict[str, Any]:
    """Arguments of `faust.App`: `broker` and `broker_credentials`.

    >>> faust_options(Settings(broker="kafka-1:9092"))["broker"]
    ['kafka://kafka-1:9092']
    """
    credentials: faust.SASLCredentials | faust.SSLCredentials | None = None
    tls = tls_context(settings) if settings.security.endswith("SSL") else None
    if settings.security.startswith("SASL"):
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
