"""Command lines of workers with a fault in them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.e2e.workers import WorkerProcess

HERE = Path(__file__).resolve().parent
FAILING = [sys.executable, str(HERE.parent / "e2e" / "failing_worker.py")]


def planted(fault: str, *arguments: object) -> list[str]:
    """See tests/chaos/planted.py."""
    return [sys.executable, str(HERE / "planted.py"), fault, *map(str, arguments)]


async def exit_code(worker: WorkerProcess, patience_s: float = 60) -> int:
    """Wait for it to end by itself. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while (code := worker.process.poll()) is None:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.05)
    return code
