"""Parquet by the batch of rows; only the columns that the mapping reads; constant memory."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow
from pyarrow import parquet

from models.errors import BadSetting
from streams.backtest.mapping import Mapping
from streams.backtest.opened import Source
from streams.backtest.rows import BadRow, Row

BATCH_ROWS = 10_000


def read(source: Source, mapping: Mapping) -> Iterator[Row | BadRow]:
    """Raises BadSetting when it is no Parquet or lacks a column."""
    try:
        file = parquet.ParquetFile(source.path)
    except (pyarrow.ArrowException, OSError) as error:
        raise BadSetting(f"{source.path} cannot be read as Parquet: {error}") from None
    present = {name.partition(".")[0] for name in file.schema_arrow.names}
    wanted = {name if name in present else name.partition(".")[0] for name in mapping.columns}
    if missing := sorted(wanted - present):
        told = f"no column {', '.join(missing)}; it has {', '.join(sorted(present))}"
        raise BadSetting(f"{source.path}: {told}")
    total, line = max(1, file.metadata.num_rows), 0
    with file:
        try:
            for batch in file.iter_batches(BATCH_ROWS, columns=sorted(wanted)):
                for fields in batch.to_pylist():
                    line += 1
                    yield Row(line, fields)
                source.moved(line / total)
        except (pyarrow.ArrowException, OSError) as error:
            yield BadRow(line + 1, "unreadable", f"{error}; what comes after it is not read", None)
