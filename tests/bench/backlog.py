"""Parts `follow` and `path`: a worker drains the preloaded topic, and its alerts are looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from models.alert import Alert
from streams.reader import open_reader
from tests.bench.drain import Drain, measure
from tests.bench.stage import Site, Stage
from tests.bench.worker import Worker
