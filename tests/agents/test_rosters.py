"""Decisions about shadows: refused with what to do, or written down with the comparison."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from models.errors import BadSetting
from models.learners.roster import Roster, Standing, decode_roster
from streams.cli import app
from streams.rosters import find_roster, shadow_of
from streams.settings import Settings
from tests.agents.learning import LOG, MODELS, OFFERS, deals, live, run
from tests.agents.world import World

NONE = Standing("mean", 1, 0, 0, None, None, None, None, None)
ROSTER = Roster(1, "offers", "t", "logistic", "mean", (), {"mean": NONE})


def test_a_task_that_nobody_has_learned_is_told_with_those_there_are() -> None:
    with pytest.raises(BadSetting, match="PATHLINE_SCORES"):
        find_roster({}, "offers")
    with pytest.raises(BadSetting, match="did you mean 'offers'"):
        find_roster({"offers": ROSTER}, "ofers")
    assert find_roster({"offers": ROSTER}, "offers") is ROSTER


def test_only_a_shadow_can_be_decided_about() -> None:
    assert shadow_of(ROSTER) == shadow_of(ROSTER, "mean") == "mean"
    with pytest.raises(BadSetting, match="is mean, not logistic"):
        shadow_of(ROSTER, "logistic")
    alone = Roster(1, "offers", "t", "logistic", None, (), {})
    with pytest.raises(BadSetting, match="has no shadow"):
        shadow_of(alone)


async def test_learn_writes_who_scores_beside_the_models() -> None:
    w = World()
    follow, learn = await live(w, {**OFFERS, "shadow": "mean"})
    w.put(LOG, 0, *deals(0, 40))
    await run(follow, learn)
    roster = decode_roster(w.table(MODELS)[b"offers"])
    assert (roster.champion, roster.shadow, roster.title) == ("logistic", "mean", OFFERS["title"])
    assert {name: one.version for name, one in roster.learners.items()} == {
        "logistic": 7,
        "mean": 8,
    }
    assert roster.learners["mean"].learned == 40


def test_a_person_sees_who_scores_and_a_program_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {
        "logistic": Standing("logistic", 7, 400, 300, 0.71, 0.69, 0.5, 0.2, 0.03),
        "mean": NONE,
    }

    async def rosters(settings: Settings) -> dict[str, Roster]:
        return {"offers": Roster(1, "offers", "t", "logistic", "mean", (), both)}

    monkeypatch.setattr("streams.rosters.load_rosters", rosters)
    seen = CliRunner().invoke(app, ["models", "list"]).stdout.splitlines()
    (champion,) = [line.split() for line in seen if "logistic" in line]
    assert champion[:4] == ["offers", "champion", "logistic@7", "300"]
    assert champion[4:] == ["0.710", "0.500", "0.200", "0.030"]
    (shadow,) = [line.split() for line in seen if "mean" in line]
    assert shadow[1] == "shadow"
    assert shadow[4:] == ["–"] * 4
    told = json.loads(CliRunner().invoke(app, ["models", "list", "--json"]).stdout)
    assert told["learners"]["logistic"]["brier"] == 0.2
