"""Backtests: what rules would have said, from files or a topic, through the live engine.

mapping, rows, readers/   a row of a file becomes an event
order, file_input         events in the order of time
lane, processes           the engine on some accounts, one clock for all of them
topic, partition_lane     a topic partition by partition, through the job that runs live
scored, task_pass         learned scores: what the log holds, and tasks over the events
parts, tables, summary    what was said, as files
outcome, compare, sweep   how good that was, and whether the new rules are better
report/                   one page that shows it

from streams.backtest import run
"""

from streams.backtest.api import Frames, run

__all__ = ["Frames", "run"]
