"""`pathline models list | compare | promote | retire`: who scores, and who is to score."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from streams.clock import SystemClock
from streams.console import Json, out, print_json
from streams.settings import load_settings

if TYPE_CHECKING:
    from models.learners.roster import Roster, Standing  # bring numpy
    from streams.rosters import What

FIGURES = {"auc": "AUC", "log_loss": "log loss", "brier": "Brier", "calibration_error": "ECE"}
Task = Annotated[str, typer.Argument(help="Name of a task.")]
Learner = Annotated[
    str | None, typer.Option(help="Must be the shadow; for whoever wants to be sure.")
]
Why = Annotated[str, typer.Option(help="Written down with the decision.")]
By = Annotated[str | None, typer.Option(help="Who decides; default: the user.")]


def run_list(json: Json = False) -> None:
    """List the learners of each task, their newest models, and how good their scores were.

    Figures are of matured cases, over the last thousand: area under the ROC
    curve, log loss, Brier score, expected calibration error. --json has more.
    """
    from streams.rosters import load_rosters

    rosters = asyncio.run(load_rosters(load_settings()))
    if json:
        for roster in rosters.values():
            print_json(roster)
        return
    rows = [
        (roster.task, _role(roster, name), one)
        for roster in rosters.values()
        for name, one in roster.learners.items()
    ]
    _print(rows)
    if not rows:
        out.print("no model was published yet")


def run_compare(task: Task, json: Json = False) -> None:
    """Compare champion and shadow at the same rows: those of matured cases that both scored."""
    from streams.rosters import find_roster, load_comparison, load_rosters

    settings = load_settings()

    async def run() -> tuple[Roster, Mapping[str, Standing]]:
        roster = find_roster(await load_rosters(settings), task)
        return roster, await load_comparison(settings, roster)

    roster, found = asyncio.run(run())
    if json:
        print_json({"task": task, "champion": roster.champion, "learners": found})
    else:
        _print((task, _role(roster, name), one) for name, one in found.items())


def run_promote(
    task: Task, why: Why, learner: Learner = None, by: By = None, json: Json = False
) -> None:
    """Make the shadow of a task its champion, and the champion its shadow.

    Both are compared first, and the comparison is written down with who, when
    and why. Workers change at the same place of the log, without a restart.
    """
    _decide(task, "promote", why, learner, by, json)


def run_retire(
    task: Task, why: Why, learner: Learner = None, by: By = None, json: Json = False
) -> None:
    """End the trial of a task's shadow; what it has learned is dropped.

    It stays away until the task's file names another one.
    """
    _decide(task, "retire", why, learner, by, json)


def _decide(
    task: str, what: What, why: str, learner: str | None, by: str | None, json: bool
) -> None:
    from streams.rosters import decide, find_roster, load_rosters, shadow_of

    settings = load_settings()

    async def run() -> tuple[Roster, Mapping[str, Standing]]:
        roster = find_roster(await load_rosters(settings), task)
        shadow_of(roster, learner)
        who = by or getpass.getuser()
        return roster, await decide(settings, SystemClock(), roster, what, who, why)

    roster, comparison = asyncio.run(run())
    if json:
        told = {"task": task, "what": what, "learner": roster.shadow, "comparison": comparison}
        print_json(msgspec.to_builtins(told))
        return
    _print((task, _role(roster, name), one) for name, one in comparison.items())
    verb = {"promote": "is to be the champion", "retire": "is to go"}[what]
    out.print(f"{roster.shadow} of {task} {verb}: written down; `pathline models list` shows it"
              " once `learn` has read it", markup=False, highlight=False)  # fmt: skip


def _role(roster: Roster, learner: str) -> str:
    return "champion" if learner == roster.champion else "shadow"


def _print(rows: Iterable[tuple[str, str, Standing]]) -> None:
    names = ["task", "role", "model", "cases", *FIGURES.values()]
    table = Table(*(Column(name, no_wrap=True) for name in names), box=SIMPLE_HEAD)
    for task, role, one in rows:
        figures = (getattr(one, figure) for figure in FIGURES)
        numbers = ("–" if figure is None else f"{figure:.3f}" for figure in figures)
        table.add_row(task, role, f"{one.learner}@{one.version}", str(one.cases), *numbers)
    if table.row_count:
        out.print(table)
