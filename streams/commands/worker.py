"""`pathline worker`: run the agents until a signal."""

from __future__ import annotations

from typing import Annotated

import typer

from models.errors import BadSetting
from rules.loader import load
from streams.settings import load_settings

NAMES = ("ingest", "follow")


def run(
    agents: Annotated[
        str, typer.Option(help="Which agents: ingest, follow, or both with a comma.")
    ] = "ingest,follow",
) -> None:
    """Read the raw topic, follow every account, publish alerts; stop with Ctrl-C or SIGTERM.

    Several workers share the partitions; state is in Kafka. A worker that cannot keep its promises
    ends with exit code 70 and may be started again at once; 2: a rule is wrong, 3: a setting.
    """
    from streams.worker import serve  # here: Faust takes half a second to import

    chosen = [name.strip() for name in agents.split(",")]
    unknown = [name for name in chosen if name not in NAMES]
    if unknown or len(set(chosen)) < len(chosen):
        raise BadSetting(f"--agents {agents}: name each of {', '.join(NAMES)} at most once")
    settings = load_settings()
    serve(settings, chosen, load(settings.rules, settings.calendars, settings.overlay))
