"""The worker process: from settings to a running app, and to an exit code.

What can be checked is checked before anything moves: topics, rules. Faust's own command line is not
used: it would open a web server on all addresses that shows customers' state.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, cast

from faust.tables import TableManager
from faust.worker import Worker

from models.errors import BadSetting
from rules.loader import RuleBook
from streams.app import Composition
from streams.appender import KafkaAppender
from streams.checkpoint import BROKEN
from streams.clock import Clock, SystemClock
from streams.faust_app import PathlineApp
from streams.gauges import read_rules, read_shards, read_standbys
from streams.health import HealthServer
from streams.kafka.admin import check_topics
from streams.keyring import Signer, load_keyring
from streams.logs import SERVICES, set_up_logs
from streams.metrics import Metrics, Reading
from streams.settings import Settings
from streams.shelf import RuleShelf, fetch_from
from streams.topics import Topics

log = logging.getLogger(__name__)

GC_THRESHOLD = (100_000, 50, 100)  # accounts hold no cycles; looking for some took 8 us an event


class PathlineWorker(Worker):
    """Faust's, with our logs, no spinner, and no debugger behind a signal."""

    logger = SERVICES

    def __init__(self, app: PathlineApp, *services: Any, **kwargs: Any) -> None:
        super().__init__(
            app, *services, quiet=True, override_logging=False, redirect_stdouts=False, **kwargs
        )
        self.spinner = None

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        """The process keeps the name it was started by."""

    def _install_signal_handlers_unix(self) -> None:
        self.loop.add_signal_handler(signal.SIGINT, self._on_sigterm)
        self.loop.add_signal_handler(signal.SIGTERM, self._on_sigterm)


def serve(settings: Settings, agents: Sequence[str], book: RuleBook, **changes: Any) -> NoReturn:
    """Run until a signal; ends the process. changes: of the composition, for fault tests.

    Raises BadSetting and Unavailable before it starts.
    """
    set_up_logs(settings.log_format)
    lock_tables(settings)
    gc.set_threshold(*GC_THRESHOLD)
    clock, metrics, keyring = SystemClock(), Metrics(), load_keyring(settings.control_key_file)
    topic = Topics(settings).rules.name
    fetch = fetch_from(
        settings, topic, keyring, lambda reason: metrics.refused.labels(reason).inc()
    )
    shelf = RuleShelf(book, topic, fetch)
    signer = Signer(keyring, clock) if keyring else None
    asyncio.run(prepare(settings, shelf, signer))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    composition = Composition(settings, shelf, clock, metrics, die, keyring, book, **changes)
    app = composition.compose(agents)
    metrics.gauges = lambda: read_gauges(app, settings, clock)
    health = HealthServer(settings.metrics_host, settings.metrics_port, app, metrics, clock)
    worker = PathlineWorker(app, health, loop=loop)
    log.info(
        "starting %s as %s, rules %s", ",".join(agents), settings.app_id, shelf.wanted.digest[:12]
    )
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        if isinstance(worker.crash_reason, BadSetting):
            raise worker.crash_reason from None
        sys.exit(BROKEN if end.code else 0)


def lock_tables(settings: Settings) -> None:
    """The folder of tables on disk is ours as long as we live. Raises BadSetting."""
    if settings.store == "rocksdb":
        from streams.disk_store import lock_folder  # brings RocksDB, which few workers need

        atexit.register(lock_folder(settings.data_dir).close)


async def prepare(settings: Settings, shelf: RuleShelf, signer: Signer | None) -> None:
    """Refuse topics that would break a promise; publish our rule set. Raises BadSetting."""
    findings = await check_topics(settings)
    for finding in findings:
        log.warning("%s", finding)
    if fatal := [str(finding) for finding in findings if finding.fatal]:
        raise BadSetting("the topics are not as they must be:\n" + "\n".join(fatal))
    appender = KafkaAppender(settings, signer)
    try:
        await appender.start()
        await shelf.publish(appender)
        wanted = await shelf.refresh()
    finally:
        await appender.stop()
    if wanted is not shelf.own:
        log.warning(
            "rule set %s was published, so that of our folder, %s, is not activated;"
            " `pathline rules publish` does it",
            wanted.digest[:12],
            shelf.own.digest[:12],
        )


def read_gauges(app: PathlineApp, settings: Settings, clock: Clock) -> Iterator[Reading]:
    """All gauges of this worker."""
    yield from read_rules(app.runtimes)
    if settings.scores:
        from streams.model_gauges import read_models  # brings numpy, which few workers need

        yield from read_models(app.runtimes)
    yield from read_standbys(app.stores)
    remaining = (
        cast(TableManager, app.tables).recovery.active_remaining_total() if app.in_recovery else 0
    )
    yield Reading("pathline_recovery_remaining_records", (), max(0, remaining))
    yield from read_shards(app.runtimes, clock.wall_ms(), int(settings.lateness_s * 1000))


def die(code: int, message: str) -> NoReturn:
    """End at once: what memory holds must not be written, and nobody may go on with it."""
    log.critical("%s", message)
    logging.shutdown()
    os._exit(code)
