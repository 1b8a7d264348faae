"""Settings: what a person sets wrong is told at once, by variable, and secrets stay secret."""

from __future__ import annotations

import pytest

from models.errors import BadSetting
from streams.settings import Settings, load_settings


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch):
    """Sets variables as a shell would, and nothing else."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return change


def faults() -> list[str]:
    with pytest.raises(BadSetting) as caught:
        load_settings()
    return str(caught.value).splitlines()


def test_the_environment_overrides_the_defaults(setting) -> None:
    setting(PATHLINE_BROKER="kafka-1:9092, kafka-2:9092", PATHLINE_PARTITIONS="12")
    settings = load_settings()
    assert (settings.broker, settings.partitions) == ("kafka-1:9092, kafka-2:9092", 12)
    assert settings.app_id == Settings().app_id == "pathline"


def test_every_fault_is_told_at_once_with_its_variable(setting) -> None:
    setting(
        PATHLINE_BROKER="kafka", PATHLINE_PARTITIONS="0", PATHLINE_BROKR="x", PATHLINE_LATENESS_S=""
    )
    told = [line.partition(":")[0] for line in faults()]
    assert told == [
        "PATHLINE_BROKR",
        "PATHLINE_BROKER",
        "PATHLINE_PARTITIONS",
        "PATHLINE_LATENESS_S",
    ]


def test_a_misspelt_variable_is_no_silent_default(setting) -> None:
    setting(PATHLINE_APPID="crm")
    assert faults() == ["PATHLINE_APPID: there is no such setting; did you mean PATHLINE_APP_ID?"]


def test_the_variables_that_kubernetes_sets_beside_a_service_are_not_ours(setting) -> None:
    setting(
        PATHLINE_PORT="tcp://10.0.0.1:9108",
        PATHLINE_SERVICE_HOST="10.0.0.1",
        PATHLINE_PORT_9108_TCP_ADDR="10.0.0.1",
    )
    assert load_settings() == Settings()


@pytest.mark.parametrize("security", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_without_its_password_is_refused_before_a_broker_is_asked(setting, security) -> None:
    setting(PATHLINE_SECURITY=security, PATHLINE_SASL_USERNAME="pathline")
    (fault,) = faults()
    assert fault.startswith(f"PATHLINE_SECURITY={security} needs")
    setting(PATHLINE_SASL_PASSWORD="s3cret")
    assert load_settings().security == security


def test_topics_must_take_what_the_dead_letters_keep(setting) -> None:
    setting(PATHLINE_RECORD_BYTES_MAX="4000001")
    (fault,) = faults()
    assert "PATHLINE_MESSAGE_BYTES_MAX must be at least twice" in fault


def test_a_standby_needs_a_disk(setting) -> None:
    setting(PATHLINE_STANDBYS="1")
    (fault,) = faults()
    assert fault.startswith("PATHLINE_STANDBYS=1 needs PATHLINE_STORE=rocksdb")
    setting(PATHLINE_STORE="rocksdb")
    assert load_settings().standbys == 1


def test_a_password_shows_nowhere(setting) -> None:
    setting(PATHLINE_SASL_PASSWORD="s3cret")
    settings = load_settings()
    shown = [repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())]
    assert [text for text in shown if "s3cret" in text] == []
    assert settings.sasl_password is not None
    assert settings.sasl_password.get_secret_value() == "s3cret"


def test_every_setting_has_a_reason_and_a_number_its_unit() -> None:
    amounts = ("records", "events", "ids", "of every", "copies", "share", "cases", "0:")
    units = ("s;", "d;", "bytes;", "points;", "probability;", *amounts)
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no description"
        if field.annotation in (int, float):
            assert field.description.startswith(units), f"{name}: {field.description} has no unit"


def test_the_metrics_listen_on_loopback_and_an_empty_host_is_not_all_of_them(setting) -> None:
    assert load_settings().metrics_host == "127.0.0.1"
    setting(PATHLINE_METRICS_HOST="")
    (fault,) = faults()
    assert fault.startswith("PATHLINE_METRICS_HOST")


def test_a_token_file_takes_the_place_of_name_and_password(setting) -> None:
    setting(PATHLINE_SECURITY="SASL_SSL", PATHLINE_SASL_MECHANISM="OAUTHBEARER")
    (fault,) = faults()
    assert "PATHLINE_SASL_TOKEN_FILE" in fault
    setting(PATHLINE_SASL_TOKEN_FILE="/run/token")
    assert load_settings().sasl_username is None
