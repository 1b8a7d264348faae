"""Settings from the environment (`PATHLINE_…`): one entry a setting, with unit and reason."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import BadSetting

SERVERS = r"[^\s,]+:\d+(\s*,\s*[^\s,]+:\d+)*"
KUBERNETES = r"PATHLINE_(SERVICE_|PORT$|PORT_)"  # it sets these beside a service named pathline
PACKAGE = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings; `pathline settings` prints them with secrets masked."""

    model_config = SettingsConfigDict(env_prefix="PATHLINE_", extra="forbid", frozen=True)

    broker: str = Field(
        "127.0.0.1:19092",
        description="host:port list of the Kafka; the default is the embedded one",
    )
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka's security.protocol"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512", description="used when security is SASL_…"
    )
    sasl_username: str | None = Field(None, description="used when security is SASL_…")
    sasl_password: SecretStr | None = Field(None, description="used when security is SASL_…")
    sasl_token_file: Path | None = Field(
        None,
        description="for OAUTHBEARER: holds the token alone; read at each login, so whoever renews"
        " the token replaces the file",
    )
    tls_ca_file: Path | None = Field(
        None, description="PEM of the broker's authority; empty: the system's authorities"
    )
    control_key_file: Path | None = Field(
        None,
        description="keys, one `id secret` a line: control records and rule sets count only when"
        " signed by one of them; the first signs",
    )
    app_id: str = Field(
        "pathline", description="consumer group and prefix of changelogs and transactional ids"
    )
    instance_id: str | None = Field(
        None,
        description="static group membership: a restarted worker with the same id takes its"
        " partitions back without waiting for the dead one's session",
    )
    topic_prefix: str = Field("pathline.", description="before every topic of ours, not raw ones")
    raw_topic: str = Field("raw.interactions.v1", description="CloudEvents come in here")
    partitions: int = Field(
        4, ge=1, le=1024, description="of every partitioned topic; fixed once topics exist"
    )
    replication: int = Field(1, ge=1, le=9, description="of every topic; 3 in production")
    raw_retention_d: float = Field(
        30, gt=0, description="d; raw records are kept: what an outage of the worker may last"
    )
    interactions_retention_d: float = Field(
        400, gt=0, description="d; above the longest window plus the horizon of backtests"
    )
    alerts_retention_d: float = Field(
        90, gt=0, description="d; for services that subscribe late or read again"
    )
    examples_retention_d: float = Field(
        30, gt=0, description="d; examples are kept: what an outage of `learn` may last"
    )
    dead_letters_retention_d: float = Field(
        14, gt=0, description="d; to mend and replay; they hold original bytes, so not longer"
    )
    message_bytes_max: int = Field(
        8_000_000,
        ge=10_000,
        description="bytes; every topic takes batches up to this, so that a rejected record that"
        " is far over PATHLINE_RECORD_BYTES_MAX still fits the dead letters whole",
    )
    rules: Path = Field(PACKAGE / "rules" / "library", description="folder of rule files")
    calendars: Path = Field(PACKAGE / "rules" / "calendars", description="folder of calendars")
    tasks: Path = Field(PACKAGE / "rules" / "tasks", description="folder of tasks of scoring")
    overlay: Path | None = Field(
        None,
        description="file of what this customer sets for himself in the rules: thresholds, windows,"
        " owners; docs/rules.md, Overlays",
    )
    state_dir: Path = Field(
        Path(".pathline"), description="local files: embedded broker, Faust's data directory"
    )
    store: Literal["memory", "rocksdb"] = Field(
        "memory",
        description="where the worker keeps its tables; rocksdb: copies of the changelogs on disk,"
        " so that a start reads only what is new",
    )
    data_dir: Path = Field(
        Path(".pathline/tables"),
        description="for rocksdb: a folder that outlives the worker, and is no other worker's",
    )
    standbys: int = Field(
        0,
        ge=0,
        le=1,
        description="copies that other workers keep of a partition, to take it over; for rocksdb,"
        " and the same for all workers",
    )
    cache_dir: Path = Field(
        Path("~/.cache/pathline"),
        description="the embedded broker's jars: fetched once per user, then no network is needed",
    )
    lateness_s: float = Field(
        10, ge=0, description="s; the clock of a partition runs this far behind the newest event"
    )
    future_skew_s: float = Field(
        300, ge=0, description="s; an event dated further beyond its append time is rejected"
    )
    momentum_step: float = Field(
        0.1, gt=0, description="points; a momentum that has moved by more is published"
    )
    scores: bool = Field(
        False,
        description="learned scores: cases are scored as PATHLINE_TASKS say, and learned from once"
        " their label is known; the same for all workers",
    )
    score_step: float = Field(
        0.05,
        gt=0,
        le=1,
        description="probability; a score that has moved by as much is published again",
    )
    model_every_cases: int = Field(
        50, ge=1, description="cases that are learned between two versions of a model, at least"
    )
    model_every_s: float = Field(
        60, ge=0, description="s; between two versions of a model, at least"
    )
    checkpoint_s: float = Field(
        2.0, gt=0, description="s; the state of a partition is written this often, when it moved"
    )
    ingest_delay_s: float = Field(
        0.02, ge=0, description="s; validated events wait no longer than this for their checkpoint"
    )
    output_delay_s: float = Field(
        0.05, ge=0, description="s; outputs wait no longer than this: they go ahead of the state"
    )
    uncommitted_records_max: int = Field(
        100_000,
        ge=1,
        description="records per partition; beyond that the input waits (slow broker)",
    )
    tick_every_s: float = Field(1.0, gt=0, description="s; at most one tick per partition in this")
    session_timeout_s: float = Field(
        10, ge=6, description="s; a silent worker loses its partitions after this"
    )
    transaction_timeout_s: float = Field(
        60, ge=10, description="s; the broker aborts a checkpoint that takes longer"
    )
    rejects_ratio_max: float = Field(
        0.01, gt=0, le=1, description="share of the last 10,000 records; above, the worker stops"
    )
    rejects_in_row_max: int = Field(
        100, ge=1, description="records; so many rejects in a row stop the worker"
    )
    record_bytes_max: int = Field(
        1_000_000, ge=1_000, description="bytes; a larger raw record goes to the dead letters"
    )
    sequence_length_max: int = Field(
        32, ge=1, le=255, description="events kept in an account's sequence"
    )
    remembered_ids_max: int = Field(
        16, ge=1, description="ids per account; a repeat among them is dropped"
    )
    metrics_host: str = Field(
        "127.0.0.1",
        min_length=1,  # asyncio takes an empty one for all interfaces
        description="where /metrics, /healthz, /readyz listen",
    )
    metrics_port: int = Field(9108, ge=0, le=65535, description="0: a free port")
    log_format: Literal["text", "json"] = Field("text", description="lines of the worker's log")

    @field_validator("broker")
    @classmethod
    def name_servers(cls, broker: str) -> str:
        """Each with its port."""
        if not re.fullmatch(SERVERS, broker):
            raise ValueError(f"expected host:port,host:port…, found {broker!r}")
        return broker

    @model_validator(mode="after")
    def fit_together(self) -> Settings:
        """Settings that are right each, but not together; all at once."""
        faults = []
        if self.security.startswith("SASL") and self.sasl_mechanism == "OAUTHBEARER":
            if not self.sasl_token_file:
                faults.append(
                    "PATHLINE_SASL_MECHANISM=OAUTHBEARER needs PATHLINE_SASL_TOKEN_FILE, which"
                    " holds the token"
                )
        elif self.security.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            faults.append(
                f"PATHLINE_SECURITY={self.security} needs PATHLINE_SASL_USERNAME and"
                " PATHLINE_SASL_PASSWORD"
            )
        if self.message_bytes_max < 2 * self.record_bytes_max:
            faults.append(
                "PATHLINE_MESSAGE_BYTES_MAX must be at least twice PATHLINE_RECORD_BYTES_MAX, so"
                " that a rejected record fits the dead letters"
            )
        if self.standbys and self.store == "memory":
            faults.append(
                "PATHLINE_STANDBYS=1 needs PATHLINE_STORE=rocksdb: what a standby keeps in memory"
                " is read anew when it takes over"
            )
        if faults:
            raise ValueError("\n".join(faults))
        return self


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment. Raises BadSetting with every fault at once."""
    faults = list(_unknown(environ))
    try:
        settings = Settings()
    except ValidationError as error:
        faults += [_describe(e["loc"], e["msg"]) for e in error.errors()]
    if faults:
        raise BadSetting("\n".join(faults))
    return settings


def _describe(loc: tuple[int | str, ...], message: str) -> str:
    """The fault with its variable; those of several settings name theirs themselves."""
    message = message.removeprefix("Value error, ")
    if not loc:
        return message
    return f"PATHLINE_{'_'.join(map(str, loc)).upper()}: {message}"


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """A misspelt variable would else be a default that nobody asked for."""
    known = [f"PATHLINE_{name.upper()}" for name in Settings.model_fields]
    for variable in sorted(environ):
        ours = variable.startswith("PATHLINE_") and variable not in known
        if ours and not re.match(KUBERNETES, variable):
            hint = get_close_matches(variable, known, n=1)
            yield f"{variable}: there is no such setting" + (
                f"; did you mean {hint[0]}?" if hint else "; `pathline settings` lists all"
            )
