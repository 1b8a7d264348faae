"""The worker's log: lines for people or JSON for machines, on standard error.

Never a payload, never an account: they name people. The libraries underneath are kept at warnings:
below that they write of every message, and building those lines costs a tenth of the CPU.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Literal

import msgspec
from aiokafka.errors import KafkaError

from models.errors import PathlineError

LIBRARIES = ("aiokafka", "faust", "mode")
SERVICES = logging.getLogger("faust.services")  # of our subclasses; they report as the library does
TEXT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"


def tell_error(error: BaseException) -> str:
    """What may be logged of it: the words of our errors and of Kafka's; of a bug the kind and the
    places, since its words may hold a payload.

    >>> tell_error(KafkaError("no broker"))
    "KafkaError('no broker')"
    >>> tell_error(ValueError("acme"))
    'ValueError at '
    """
    if isinstance(error, PathlineError):
        return str(error)
    if isinstance(error, KafkaError):
        return repr(error)
    frames = extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return f"{type(error).__name__} at {' > '.join(places)}"


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and error when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def set_up_logs(format: Literal["text", "json"]) -> None:
    """Ours at info, the libraries' at warning."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)
    # Tries again of a transaction that waits for the one before (writer.py) are no news.
    logging.getLogger("aiokafka.producer.sender").setLevel(logging.ERROR)
