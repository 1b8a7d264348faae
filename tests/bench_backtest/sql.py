"""Three of the patterns as one SQL query each, by window functions: an answer from another hand.

Beside the backtest in the same run: the counts must be equal, and the times are compared.
"""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

LATENESS_S = 10  # by so much the clock of a run is behind its last event
LOAD = """
create table events as
select "case" as account, "time" as t, row_number() over () as place,
  'loan.' || regexp_replace(lower(activity || '.' || lifecycle), '[^a-z0-9.]+', '_', 'g') as type
from read_csv(?, types={'case': 'varchar', 'time': 'timestamptz'})
"""
QUERIES = {
    # every start whose next start or stop comes too late or never, and whose deadline has passed
    "sql.offer-unanswered": """
        with moves as (
          select *, lead(t) over (partition by account order by t, place) as next_t
          from events where type in ('loan.o_sent.complete', 'loan.o_sent_back.complete'))
        select count(*) from moves
        where type = 'loan.o_sent.complete'
          and coalesce(next_t >= t + interval 7 day, true)
          and t + interval 7 day <= (select max(t) from events) - interval 10 second""",
    # the account's very next event
    "sql.sent-then-called": """
        with follow as (
          select *, lead(type) over own as next_type, lead(t) over own as next_t
          from events window own as (partition by account order by t, place))
        select count(*) from follow
        where type = 'loan.o_sent.complete' and next_type = 'loan.w_nabellen_offertes.schedule'
          and next_t < t + interval 1 hour""",
    # each call with the two after it
    "sql.three-calls": """
        with calls as (
          select *, lead(t, 2) over (partition by account order by t, place) as third_t
          from events where type = 'loan.w_nabellen_offertes.complete')
        select count(*) from calls where third_t < t + interval 3 day""",
}


def count_patterns(file: Path, threads: int) -> tuple[dict[str, int], float, float]:
    """(alerts by rule, s to read the file, s for the three queries)."""
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {threads}")
        connection.execute("set timezone = 'UTC'")
        began = time.perf_counter()
        connection.execute(LOAD, [str(file)])
        read = time.perf_counter()
        counts = {}
        for rule, query in QUERIES.items():
            row = connection.execute(query).fetchone()
            assert row is not None
            counts[rule] = row[0]
        return counts, read - began, time.perf_counter() - read
