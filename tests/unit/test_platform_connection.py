"""What each client is told about the broker, for every security that Kafka has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from models.errors import BadSetting
from streams.connection import client_options, faust_options
from streams.settings import Settings

SECURITIES = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


def settings(security: str, **changes: Any) -> Settings:
    sasl = {"sasl_username": "pathline", "sasl_password": "s3cret"}
    return Settings(**{"security": security, **sasl, **changes})


@pytest.mark.parametrize("security", SECURITIES)
def test_faust_and_aiokafka_log_in_alike(security: str) -> None:
    ours = client_options(settings(security))
    theirs = credentials_to_aiokafka_auth(faust_options(settings(security))["broker_credentials"])
    del ours["bootstrap_servers"]
    assert ("ssl_context" in ours) == security.endswith("SSL")
    ours.pop("ssl_context", None)
    assert {k: v for k, v in theirs.items() if k != "ssl_context"} == ours


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_mechanism_is_the_one_set(mechanism: str) -> None:
    options = client_options(settings("SASL_SSL", sasl_mechanism=mechanism))
    assert options["sasl_mechanism"] == mechanism
    assert options["ssl_context"].check_hostname


def test_a_token_is_read_at_each_login_and_by_both_alike(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    by_token = Settings(security="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_token_file=file)
    ours = client_options(by_token)
    theirs = credentials_to_aiokafka_auth(faust_options(by_token)["broker_credentials"])
    for options in (ours, theirs):
        assert (options["security_protocol"], options["sasl_mechanism"]) == (
            "SASL_SSL",
            "OAUTHBEARER",
        )
    file.write_text("second")
    providers = [options["sasl_oauth_token_provider"] for options in (ours, theirs)]
    assert [asyncio.run(provider.token()) for provider in providers] == ["second", "second"]


@pytest.mark.parametrize("text", [None, "", "two tokens", "m4rked\x01auth=admin"])
def test_a_file_without_a_token_is_told_and_not_shown(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    settings = Settings(security="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_token_file=file)
    with pytest.raises(BadSetting, match=f"PATHLINE_SASL_TOKEN_FILE={file}") as refused:
        client_options(settings)
    assert "m4rked" not in str(refused.value)


def test_several_brokers_are_all_named() -> None:
    two = settings("PLAINTEXT", broker="kafka-1:9092, kafka-2:9092")
    assert client_options(two)["bootstrap_servers"] == ["kafka-1:9092", "kafka-2:9092"]
    assert faust_options(two)["broker"] == ["kafka://kafka-1:9092", "kafka://kafka-2:9092"]


@pytest.mark.parametrize("text", [None, "not a certificate"])
def test_a_wrong_file_of_authorities_is_told_with_its_setting(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    with pytest.raises(BadSetting, match=f"PATHLINE_TLS_CA_FILE={file}"):
        client_options(settings("SSL", tls_ca_file=file))
