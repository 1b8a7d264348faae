"""What the shell logs becomes part of a run's trace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tests.simulation.process import OWNER
from tests.simulation.site import Site


class _Notes(logging.Handler):
    """Under the name of the process that speaks."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def emit(self, record: logging.LogRecord) -> None:
        process = OWNER.get()
        self._site.note(process.name if process else "", record.getMessage())


@contextmanager
def logged(site: Site) -> Iterator[None]:
    """For as long as a run takes."""
    log, notes = logging.getLogger("streams"), _Notes(site)
    before = log.level
    log.setLevel(logging.INFO)
    try:
        with mock.patch.multiple(log, propagate=False, handlers=[notes]):
            yield
    finally:
        log.setLevel(before)
