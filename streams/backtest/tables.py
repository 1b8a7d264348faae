"""The JSONL files of a run as Parquet, and what tests and reports read of them.

After the engine. By pieces: a run may say more than memory holds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
import pyarrow as pa
from pyarrow import parquet

from models.alert import decode_alert
from models.learned_score import LearnedScore
from streams.backtest.parts import decode_outcome
from streams.backtest.scored import decode_any

PIECE_LINES = 2_000
TEXT, NUMBER, TIME = pa.string(), pa.float64(), pa.timestamp("us", "UTC")
Row = dict[str, Any]


class Table(NamedTuple):
    """columns: of the Parquet file. row: of a line of the JSONL file."""

    columns: pa.Schema
    row: Callable[[bytes], Row]


def _builtins(value: Any) -> Row:
    """Instants stay what they are."""
    row: Row = msgspec.to_builtins(value, builtin_types=(datetime,))
    return row


def _alert_row(line: bytes) -> Row:
    """`key` as JSON; `rule` is rule, rule_version, rule_digest."""
    row = _builtins(decode_alert(line))
    rule = row["rule"]
    flat = {"rule": rule["id"], "rule_version": rule["version"], "rule_digest": rule["digest"]}
    return row | flat | {"key": msgspec.json.encode(row["key"]).decode()}


def _score_row(line: bytes) -> Row:
    """`stages` as JSON; momentum has no model, learned scores name no rules."""
    score = decode_any(line)
    row = _builtins(score)
    if isinstance(score, LearnedScore):
        return row | {"case": score.case or None, "reasons": []}
    return row | {"stages": msgspec.json.encode(row["stages"]).decode()}


EVIDENCE = pa.struct(
    {"type": TEXT, "id": TEXT, "time": TIME, "topic": TEXT, "partition": pa.int32(),
     "offset": pa.int64()}
)  # fmt: skip
TABLES = {
    "alerts": Table(
        pa.schema(
            {
                "alert_id": TEXT,
                "fingerprint": TEXT,
                "key": TEXT,
                "state": TEXT,
                "step": TEXT,
                "kind": TEXT,
                "severity": TEXT,
                "account": TEXT,
                "rule": TEXT,
                "rule_version": TEXT,
                "rule_digest": TEXT,
                "occurred_at": TIME,
                "due_at": TIME,
                "why": TEXT,
                "evidence": pa.list_(EVIDENCE),
                "owner": TEXT,
                "suggested_action": TEXT,
                "score": NUMBER,
                "weight": NUMBER,
                "replay": TEXT,
            }
        ),
        _alert_row,
    ),
    "scores": Table(
        pa.schema(
            {
                "score_id": TEXT,
                "account": TEXT,
                "task": TEXT,
                "case": TEXT,
                "value": NUMBER,
                "model": TEXT,
                "why": TEXT,
                "stages": TEXT,
                "reasons": pa.list_(pa.struct({"rule": TEXT, "amount": NUMBER})),
                "rules_digest": TEXT,
                "occurred_at": TIME,
                "replay": TEXT,
            }
        ),
        _score_row,
    ),
    "outcomes": Table(
        pa.schema({"account": TEXT, "at": TIME, "type": TEXT, "source": TEXT, "id": TEXT}),
        lambda line: _builtins(decode_outcome(line)),
    ),
}


def write_parquet(jsonl: Path, table: Table, target: Path) -> None:
    """One row a line."""
    with jsonl.open("rb") as file, parquet.ParquetWriter(target, table.columns) as writer:
        while lines := list(islice(file, PIECE_LINES)):
            writer.write_table(pa.Table.from_pylist(list(map(table.row, lines)), table.columns))


def read_bad_rows(jsonl: Path) -> pl.DataFrame:
    """A row each; places of files and of topics have other columns. raw: JSON."""
    lines = jsonl.read_bytes().splitlines() if jsonl.exists() else []
    rows = [msgspec.json.decode(line) for line in lines]
    columns: dict[str, pl.DataType] = {
        **dict.fromkeys(("file", "topic", "reason", "detail", "raw"), pl.String()),
        **dict.fromkeys(("line", "partition", "offset"), pl.Int64()),
    }
    named = [row | {"raw": msgspec.json.encode(row["raw"]).decode()} for row in rows]
    return pl.DataFrame(named, schema=columns)
