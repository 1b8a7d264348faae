"""`pathline worker`: run the agents until a signal."""

from __future__ import annotations

from typing import Annotated

import typer

from models.errors import BadSetting
from rules.loader import load
from streams.settings import load_settings

NAMES = ("ingest", "follow")
LEARN = "learn"


def run(
    agents: Annotated[
        str,
        typer.Option(
            help="Which agents: ingest, follow, learn, several with a comma; learn is there with"
            " PATHLINE_SCORES alone. Empty: all that are there."
        ),
    ] = "",
) -> None:
    """Read the raw topic, follow every account, publish alerts; stop with Ctrl-C or SIGTERM.

    Several workers share the partitions; state is in Kafka. A worker that cannot keep its promises
    ends with exit code 70 and may be started again at once; 2: a rule is wrong, 3: a setting.
    """
    from streams.worker import serve  # here: Faust takes half a second to import

    settings = load_settings()
    names = (*NAMES, LEARN) if settings.scores else NAMES
    chosen = [name.strip() for name in agents.split(",")] if agents else list(names)
    unknown = [name for name in chosen if name not in names]
    if unknown or len(set(chosen)) < len(chosen):
        raise BadSetting(f"--agents {agents}: name each of {', '.join(names)} at most once")
    serve(settings, chosen, load(settings.rules, settings.calendars, settings.overlay))
