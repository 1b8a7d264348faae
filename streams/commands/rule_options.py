"""The options that the commands about rules share: which rules, with what laid on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path | None, typer.Option("--rules", help="Folder of rule files; default: PATHLINE_RULES.")
]
Calendars = Annotated[
    Path | None,
    typer.Option("--calendars", help="Folder of calendars; default: PATHLINE_CALENDARS."),
]
Overlay = Annotated[
    Path | None,
    typer.Option("--overlay", help="What a customer sets for himself; default: PATHLINE_OVERLAY."),
]
