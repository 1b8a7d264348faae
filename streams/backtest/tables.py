"""The JSONL files of a run as Parquet and as frames of polars. After the engine, before the report.

It streams: a run may say more than memory holds.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec
import polars as pl

TEXT, NUMBER, TIME = pl.String(), pl.Float64(), pl.Datetime("us", "UTC")
EVIDENCE = pl.List(
    pl.Struct({"type": TEXT, "id": TEXT, "time": TEXT, "topic": TEXT, "partition": pl.Int32(),
               "offset": pl.Int64()})
)  # fmt: skip
Schema = dict[str, pl.DataType]

ALERTS: Schema = {
    "alert_id": TEXT,
    "fingerprint": TEXT,
    "key": TEXT,
    "state": TEXT,
    "step": TEXT,
    "kind": TEXT,
    "severity": TEXT,
    "account": TEXT,
    "rule": pl.Struct({"id": TEXT, "version": TEXT, "digest": TEXT}),
    "occurred_at": TIME,
    "due_at": TIME,
    "why": TEXT,
    "evidence": EVIDENCE,
    "owner": TEXT,
    "suggested_action": TEXT,
    "score": NUMBER,
    "weight": NUMBER,
    "replay": TEXT,
}
SCORES: Schema = {
    "score_id": TEXT,
    "account": TEXT,
    "task": TEXT,
    "value": NUMBER,
    "stages": TEXT,
    "reasons": pl.List(pl.Struct({"rule": TEXT, "amount": NUMBER})),
    "rules_digest": TEXT,
    "occurred_at": TIME,
    "replay": TEXT,
}
OUTCOMES: Schema = {"account": TEXT, "at": TIME, "type": TEXT, "source": TEXT, "id": TEXT}


JSON = ("key", "stages")  # any fields in them: columns of JSON text
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def scan(jsonl: Path, schema: Schema) -> pl.LazyFrame:
    """Of lines without free fields. `rule` of an alert is rule, rule_version, rule_digest here."""
    if not jsonl.stat().st_size:  # of nothing polars can make nothing
        lines = pl.LazyFrame(schema=schema)
    else:
        written = {n: TEXT if kind == TIME else kind for n, kind in schema.items()}
        lines = pl.scan_ndjson(jsonl, schema=written)
        times = [name for name, kind in schema.items() if kind == TIME]
        lines = lines.with_columns(pl.col(times).str.to_datetime("%+", time_unit="us"))
    if "rule" not in schema:
        return lines
    rule = pl.col("rule").struct
    flat = [
        rule.field("id").alias("rule"),
        rule.field("version").alias("rule_version"),
        rule.field("digest").alias("rule_digest"),
    ]
    return lines.with_columns(flat)


def write_parquet(jsonl: Path, schema: Schema, target: Path) -> None:
    """One row a line; `key` and `stages` as JSON."""
    with NamedTemporaryFile(dir=target.parent, prefix=".lines-") as lines:
        with jsonl.open("rb") as file:
            lines.writelines(with_json_as_text(line) for line in file)
        lines.flush()
        scan(Path(lines.name), schema).sink_parquet(target)


def read_bad_rows(jsonl: Path) -> pl.DataFrame:
    """A row each; places of files and of topics have other columns. raw: JSON."""
    lines = jsonl.read_bytes().splitlines() if jsonl.exists() else []
    rows = [msgspec.json.decode(line) for line in lines]
    columns = dict.fromkeys(("file", "topic", "reason", "detail", "raw"), TEXT)
    places = dict.fromkeys(("line", "partition", "offset"), pl.Int64())
    named = [row | {"raw": msgspec.json.encode(row["raw"]).decode()} for row in rows]
    return pl.DataFrame(named, schema=columns | places)


def with_json_as_text(line: bytes) -> bytes:
    r"""polars would write the text of free fields without escaping it.

    >>> with_json_as_text(b'{"key":{"data.n":1}}')
    b'{"key":"{\\"data.n\\":1}"}\n'
    """
    record = _decode(line)
    for name in JSON:
        if name in record:
            record[name] = msgspec.Raw(_encode(bytes(record[name]).decode()))
    return _encode(record) + b"\n"
