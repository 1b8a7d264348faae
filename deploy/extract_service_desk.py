"""Writes `streams/data/service_desk.csv.gz` anew from the UCI incident event log.

    python deploy/extract_service_desk.py LOG.csv.gz streams/data/service_desk.csv.gz

Takes the tickets opened first, each with all of its rows, and the columns that the source reads.
Tickets whose caller is unknown or changes are left out. No value is changed.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from itertools import groupby
from pathlib import Path

from streams.sources.service_desk import COLUMNS, UNKNOWN

TICKETS = 2_500


def extract(log: Path) -> str:
    """The extract as CSV; the log has its tickets in the order in which they were opened."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    taken = 0
    with gzip.open(log, "rt", encoding="utf-8", newline="") as file:
        for _, group in groupby(csv.DictReader(file), key=lambda row: row["number"]):
            rows = list(group)
            callers = {row["caller_id"] for row in rows}
            if len(callers) > 1 or UNKNOWN in callers:
                continue
            writer.writerows(rows)
            taken += 1
            if taken == TICKETS:
                break
    return text.getvalue()


def main(log: str, target: str) -> None:
    Path(target).write_bytes(gzip.compress(extract(Path(log)).encode(), 9, mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
