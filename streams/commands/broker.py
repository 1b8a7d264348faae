"""`pathline broker`: the embedded Kafka by hand."""

from __future__ import annotations

from enum import StrEnum

import typer

from streams.broker import EmbeddedKafka, embedded_kafka
from streams.console import Exit, Json, err, out, print_json
from streams.kafka.jars import KAFKA
from streams.kafka.port import answers
from streams.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    help=f"A real Apache Kafka {KAFKA} on this machine, for a first look and for tests. Its data"
    " is in PATHLINE_STATE_DIR/kafka; the first start fetches 45 MB, later ones take 2 s.",
)


@app.command()
def start(json: Json = False) -> None:
    """Start it and wait until it answers; fine when it runs already."""
    kafka = embedded_kafka(load_settings())
    with err.status("Starting Kafka (the first time fetches its jars) …"):
        verdict = kafka.start()
    _tell(kafka, verdict, json)


@app.command()
def stop(json: Json = False) -> None:
    """Stop it; its data stays. Fine when it does not run."""
    kafka = embedded_kafka(load_settings())
    with err.status("Stopping Kafka …"):
        verdict = kafka.stop()
    _tell(kafka, verdict, json)


@app.command()
def status(json: Json = False) -> None:
    """Say whether it runs; exit code 1 when it does not."""
    kafka = embedded_kafka(load_settings())
    _tell(kafka, status_of(kafka), json)
    raise typer.Exit(Exit.FINE if kafka.pid else Exit.FINDINGS)


class Status(StrEnum):
    """What `status` finds."""

    RUNNING = "running"
    SILENT = "running, but it does not answer"
    NOT_RUNNING = "not running"


def status_of(kafka: EmbeddedKafka) -> Status:
    """Running means that it answers."""
    if kafka.pid is None:
        return Status.NOT_RUNNING
    return Status.RUNNING if answers(kafka.port) else Status.SILENT


def _tell(kafka: EmbeddedKafka, verdict: StrEnum, json: bool) -> None:
    told = {
        "verdict": verdict,
        "broker": kafka.bootstrap,
        "kafka": KAFKA,
        "pid": kafka.pid,
        "log": str(kafka.home.log),
    }
    if json:
        print_json(told)
        return
    pid = f" (pid {told['pid']})" if told["pid"] else ""
    out.print(f"Kafka {KAFKA} at {kafka.bootstrap}{pid}: {verdict}. Log: {kafka.home.log}")
