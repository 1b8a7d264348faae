"""A worker with a planted fault: `python planted.py FAULT ARGUMENT…`, see FAULTS."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import rules.engine
import rules.snapshot
import streams.position
import streams.worker
from rules import asleep
from rules.loader import load
from streams import runtime
from streams.clock import SystemClock
from streams.follow_job import FollowJob
from streams.settings import load_settings
from streams.writer import KafkaWriter


class StoppingWriter(KafkaWriter):
    """Stops its process, as SIGSTOP does, between the rows and the commit of one checkpoint."""

    left = 0

    async def _end(self) -> None:
        StoppingWriter.left -= 1
        if StoppingWriter.left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        await super()._end()


def plant(place: Any, name: str, fault: Any) -> None:
    """Put the fault where the code that runs will find it."""
    setattr(place, name, fault)


def stop(count: str) -> dict[str, Any]:
    """In the COUNT-th checkpoint of the process."""
    StoppingWriter.left = int(count)
    return {"writer": StoppingWriter}


def bug(account: str) -> dict[str, Any]:
    """The engine fails, halfway, at each event of ACCOUNT."""
    advance = rules.engine.advance

    def broken(found: Any, event: Any, *more: Any) -> bool:
        moved = advance(found, event, *more)
        if event.subject == account:
            raise ZeroDivisionError("planted")
        return moved

    plant(rules.engine, "advance", broken)
    return {}


def clock(ahead_s: str, while_there: str) -> dict[str, Any]:
    """The worker's wall clock is wrong by AHEAD_S while the file WHILE_THERE exists."""

    class WrongClock(SystemClock):
        def wall_ms(self) -> int:
            return super().wall_ms() + int(ahead_s) * 1000 * Path(while_there).exists()

    plant(streams.worker, "SystemClock", WrongClock)
    return {}


def slow(record_us: str, while_there: str) -> dict[str, Any]:
    """`follow` needs RECORD_US more for each record while the file WHILE_THERE exists."""
    apply = FollowJob.apply

    def slowly(job: FollowJob, records: Any) -> None:
        if Path(while_there).exists():
            time.sleep(len(records) * int(record_us) / 1e6)
        apply(job, records)

    plant(FollowJob, "apply", slowly)
    return {}


def later() -> dict[str, Any]:
    """A later release: writes its state in the next version, and reads the one before too."""
    envelope = rules.snapshot.ENVELOPE
    envelope.version += 1
    streams.position.VERSION += 1
    decode_account, read_front = rules.snapshot.decode_account, rules.snapshot.read_front
    decode_position = streams.position.decode_position

    def read_account(data: bytes) -> Any:
        return decode_account(bytes([envelope.version]) + data[1:])

    def look_at_front(data: bytes) -> Any:
        return read_front(bytes([envelope.version]) + data[1:])

    def read_position(data: bytes) -> Any:
        record = msgspec.msgpack.decode(data) | {"v": streams.position.VERSION}
        return decode_position(msgspec.msgpack.encode(record))

    plant(asleep, "decode_account", read_account)
    plant(asleep, "read_front", look_at_front)
    plant(runtime, "decode_position", read_position)
    return {}


FAULTS: dict[str, Callable[..., dict[str, Any]]] = {
    "stop": stop,
    "bug": bug,
    "clock": clock,
    "slow": slow,
    "later": later,
}

if __name__ == "__main__":
    changes = FAULTS[sys.argv[1]](*sys.argv[2:])
    settings = load_settings()
    book = load(settings.rules, settings.calendars)
    streams.worker.serve(settings, ["ingest", "follow"], book, **changes)
