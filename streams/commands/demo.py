"""`pathline demo`: the whole path on this machine, in a minute."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from streams.clock import Clock, SystemClock
from streams.console import Exit, Json, err, out, print_json
from streams.demo.feed import Feed, load_feed
from streams.demo.run import feed_size, play, wait_until_ready
from streams.demo.stage import broker, demo_settings, topics
from streams.demo.summary import Summary, summary_json, summary_text
from streams.demo.tally import Tally
from streams.demo.view import LiveView, PlainView
from streams.demo.worker import WorkerProcess
from streams.settings import Settings, load_settings


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the summary; so without a terminal, too.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the simulated accounts.")] = 7,
    rate: Annotated[float, typer.Option(min=10, help="Events per second.")] = 1000,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave topics and broker for a closer look.")
    ] = False,
    json: Json = False,
) -> None:
    """See it work: Kafka, a worker, a real log, and alerts as they come.

    Starts the embedded Kafka unless one runs at the default address
    (or PATHLINE_BROKER names yours), makes topics of its own, starts
    `pathline worker`, and feeds it a real service desk's log and
    simulated B2B accounts. The alerts must be the ones that were
    planted: exit code 0 if so, 1 if not.

    \b
    Examples:
      pathline demo
      pathline demo --once --json
      pathline demo --seed 42 --rate 200 --keep
    """
    for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, signal.default_int_handler)  # all as Ctrl-C: clear up
    live = out.is_terminal and not (once or json)
    summary = _perform(SystemClock(), seed, rate, keep=keep, live=live, json=json)
    raise typer.Exit(Exit.FINE if summary.is_right else Exit.FINDINGS)


def _perform(
    clock: Clock, seed: int, rate: float, *, keep: bool, live: bool, json: bool
) -> Summary:
    """Set the stage, play, tell, and clear up."""
    began = clock.steady_s()
    yours = load_settings()
    run = datetime.fromtimestamp(clock.wall_ms() / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    settings = demo_settings(yours, run)
    worker = WorkerProcess(settings, settings.state_dir / f"{settings.app_id}.log")
    with broker(yours, keep=keep) as found, topics(settings, keep=keep):
        err.print(f"{found}. Topics and group of this run: {settings.app_id}.", highlight=False)
        with worker:
            tally, feed = _play(settings, worker, clock, seed, rate, live=live)
            summary = Summary(feed, tally, clock.steady_s() - began)
            if json:
                print_json(summary_json(summary))
            else:
                out.print(summary_text(summary))
            if live:
                _wait_for_ctrl_c(worker)
    if keep:
        _tell_what_stays(settings)
    return summary


def _play(
    settings: Settings, worker: WorkerProcess, clock: Clock, seed: int, rate: float, *, live: bool
) -> tuple[Tally, Feed]:
    feed = load_feed(seed)  # meanwhile the worker starts
    with LiveView(out, feed_size(feed, settings)) if live else PlainView(err) as view:
        view.stage(f"Worker: metrics and health at {worker.url}/metrics, /healthz, /readyz.")
        view.stage(f"Its log: {worker.log}")
        asyncio.run(wait_until_ready(worker, clock))
        view.stage(f"The worker is ready. Sending {rate:,.0f} events/s.")
        return asyncio.run(play(settings, feed, rate, worker, view, clock)), feed


def _wait_for_ctrl_c(worker: WorkerProcess) -> None:
    out.print(f"The worker goes on: {worker.url}/metrics. Ctrl-C ends it.", highlight=False)
    with suppress(KeyboardInterrupt):
        worker.wait()


def _tell_what_stays(settings: Settings) -> None:
    names = ("app_id", "topic_prefix", "raw_topic")
    variables = " ".join(f"PATHLINE_{n.upper()}={getattr(settings, n)}" for n in names)
    err.print(
        f"Topics and broker stay. To look: {variables} pathline tail signals", highlight=False
    )
