"""Two runs over one input, side by side: alerts added, removed, moved and by how much.

Behind the engine. Two alerts are one when they have the same fingerprint (rule, account, key, the
events that name the instance), and else when they are of one rule, account and key within a day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from streams.backtest.outcome import firings

MOVED_MAX = timedelta(days=1)
SCHEMA = {
    "rule": pl.String(),
    "account": pl.String(),
    "key": pl.String(),
    "change": pl.String(),
    "old_at": pl.Datetime("us", "UTC"),
    "new_at": pl.Datetime("us", "UTC"),
    "moved_s": pl.Float64(),
    "why": pl.String(),
}
Row = dict[str, Any]


class Comparison(NamedTuple):
    """rules: per rule how many. changes: each alert that is not the same, by rule and time."""

    rules: pl.DataFrame
    changes: pl.DataFrame

    def examples(self, each: int) -> pl.DataFrame:
        """The first ones of each rule and change."""
        return self.changes.group_by("rule", "change", maintain_order=True).head(each)


def compare(old: pl.LazyFrame, new: pl.LazyFrame) -> Comparison:
    """old, new: the alerts of the two runs."""
    columns = ("rule", "account", "key", "fingerprint", "occurred_at", "why")
    before, after = (firings(alerts).select(columns).collect() for alerts in (old, new))
    on = ["rule", "fingerprint"]
    both = after.join(before.select(*on, old_at="occurred_at"), on=on, how="inner")
    rows = [_row(row, row["old_at"], row["occurred_at"]) for row in both.to_dicts()]
    gone = before.join(after.select(on), on=on, how="anti").to_dicts()
    come = after.join(before.select(on), on=on, how="anti").to_dicts()
    rows += _pair(gone, come)
    found = pl.DataFrame(rows, schema=SCHEMA)
    when = pl.coalesce("new_at", "old_at")
    changes = found.filter(pl.col("change") != "same").sort("rule", when, "account")
    kinds = ("same", "moved", "added", "removed")
    counts = {name: (pl.col("change") == name).sum() for name in kinds}
    moved = pl.col("moved_s").filter(pl.col("change") == "moved")
    rules = (
        found.group_by("rule")
        .agg(
            old=pl.col("old_at").is_not_null().sum(),
            new=pl.col("new_at").is_not_null().sum(),
            **counts,
            moved_median_s=moved.median(),
        )
        .sort("rule")
    )
    return Comparison(rules, changes)


def _pair(gone: list[Row], come: list[Row]) -> Iterator[Row]:
    """What has no namesake: the nearest of the same instance, each once, in order of time."""
    waiting: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in sorted(gone, key=_when):
        waiting[_instance(row)].append(row)
    for row in sorted(come, key=_when):
        near = waiting[_instance(row)]
        while near and _when(near[0]) < _when(row) - MOVED_MAX:
            lost = near.pop(0)
            yield _row(lost, _when(lost), None)
        if near and _when(near[0]) <= _when(row) + MOVED_MAX:
            yield _row(row, _when(near.pop(0)), _when(row))
        else:
            yield _row(row, None, _when(row))
    for rows in waiting.values():
        for lost in rows:
            yield _row(lost, _when(lost), None)


def _instance(row: Row) -> tuple[str, str, str]:
    return row["rule"], row["account"], row["key"]


def _when(row: Row) -> datetime:
    at: datetime = row["occurred_at"]
    return at


def _row(row: Row, old: datetime | None, new: datetime | None) -> Row:
    moved_s = (new - old).total_seconds() if old and new else None
    change = "added" if old is None else "removed" if new is None else "moved"
    return {
        **{name: row[name] for name in ("rule", "account", "key", "why")},
        "change": "same" if moved_s == 0 else change,
        "old_at": old,
        "new_at": new,
        "moved_s": moved_s,
    }
