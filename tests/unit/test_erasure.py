"""What erasure tells of the topics, and the accounts that there are not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from models.errors import BadSetting
from streams.cli import app
from streams.erasure import _is_of, _tell_kept, check_account
from streams.topics import FoundTopic

DAY_MS = 86_400_000
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)


def until(**config: str) -> datetime | None:
    dotted = {key.replace("_", "."): value for key, value in config.items()}
    return _tell_kept("t", FoundTopic(1, 1, dotted), NOW_MS).until


def test_a_record_goes_with_its_segment() -> None:
    """Which is open for up to `segment.ms`, and as old as its newest record."""
    kept = until(cleanup_policy="delete", retention_ms=str(14 * DAY_MS), segment_ms=str(7 * DAY_MS))
    assert kept == datetime(2026, 3, 23, 9, tzinfo=UTC)


def test_a_state_goes_with_compaction_and_then_its_tombstone() -> None:
    lag, tombstone = str(7 * DAY_MS), str(DAY_MS)
    kept = until(cleanup_policy="compact", max_compaction_lag_ms=lag, delete_retention_ms=tombstone)
    assert kept == datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "config",
    [
        {"cleanup_policy": "delete", "retention_ms": "-1", "segment_ms": "1"},
        {"cleanup_policy": "compact", "max_compaction_lag_ms": str(2**63 - 1),
         "delete_retention_ms": "1"},
        {"cleanup_policy": "compact"},
    ],
)  # fmt: skip
def test_no_limit_is_not_called_one(config: dict[str, str]) -> None:
    assert until(**config) is None


@pytest.mark.parametrize("account", ["", "\0tick", "a" * 257, "ä" * 129, "\udcff"])
def test_what_is_no_account_is_refused(account: str) -> None:
    with pytest.raises(BadSetting, match="--account"):
        check_account(account)


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b"[" * 100_000, b'"text"'])
def test_what_is_no_alert_is_nobodys(value: bytes | None) -> None:
    assert not _is_of(value, "acme", 0, before=9)


def test_json_asks_nobody_so_it_wants_a_yes() -> None:
    result = CliRunner().invoke(app, ["erase", "--account", "acme", "--json"])
    assert isinstance(result.exception, BadSetting)
    assert "--yes" in str(result.exception)


def test_a_no_erases_nothing() -> None:
    assert CliRunner().invoke(app, ["erase", "--account", "acme"], input="n\n").exit_code == 1
