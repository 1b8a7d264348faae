"""A worker that dies inside a checkpoint: `python failing_worker.py WHERE COUNT`.

WHERE is `written` (all rows sent, the offset not) or `offset` (all sent, not committed). It dies in
the COUNT-th checkpoint of the process, as suddenly as by SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import sys

from rules.loader import load
from streams.ports import Rows
from streams.settings import load_settings
from streams.worker import serve
from streams.writer import KafkaWriter, Sent

DIED = 9


class FailingWriter(KafkaWriter):
    """Counts the checkpoints of all partitions."""

    where = ""
    count = 0
    seen = 0

    async def _send(self, rows: Rows) -> list[Sent]:
        FailingWriter.seen += 1
        sent = await super()._send(rows)
        if self.where == "written" and self.seen >= self.count:
            await asyncio.gather(*(batch.answer for batch in sent))
            os._exit(DIED)
        return sent

    async def _end(self) -> None:
        if self.where == "offset" and self.seen >= self.count:
            os._exit(DIED)
        await super()._end()


if __name__ == "__main__":
    FailingWriter.where, FailingWriter.count = sys.argv[1], int(sys.argv[2])
    settings = load_settings()
    book = load(settings.rules, settings.calendars)
    serve(settings, ["ingest", "follow"], book, writer=FailingWriter)
