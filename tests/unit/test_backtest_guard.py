"""What a backtest says cannot get onto a live topic: whoever produces there refuses its run id."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.alert import Alert, RuleRef, State
from models.errors import BadInput
from models.score import Score
from rules.context import Output
from streams.announce import Announcer
from streams.clock import SystemClock
from streams.replay_guard import HEADER, ReplayRefused, replay_topic
from streams.sender import Sender
from streams.settings import Settings

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANNOUNCER = Announcer({"signals": "pathline.signals.v1"}, "pathline.alert-state.v1", "scores", 0)


def alert(replay: str | None) -> Output:
    return Output(
        "signals",
        Alert(
            alert_id="1", fingerprint="2", key={}, state=State.FIRING, step="match",
            kind="signal", severity="info", account="acme", why="w", occurred_at=AT,
            rule=RuleRef(id="r", version="1.0.0", digest="d"), replay=replay,
        ),
    )  # fmt: skip


def score(replay: str | None) -> Score:
    return Score(
        score_id="1", account="acme", task="momentum", value=1.0, rules_digest="d",
        occurred_at=AT, replay=replay,
    )  # fmt: skip


def test_the_worker_announces_what_is_live_and_refuses_what_a_run_says() -> None:
    assert len(ANNOUNCER.announce([(alert(None), 0)], 0)) == 2
    assert len(ANNOUNCER.announce_scores([score(None)], 0)) == 1
    with pytest.raises(ReplayRefused, match="what run q1 says is not announced as live"):
        ANNOUNCER.announce([(alert("q1"), 0)], 0)
    with pytest.raises(ReplayRefused):
        ANNOUNCER.announce_scores([score("q1")], 0)


@pytest.mark.parametrize("topic", ["raw.interactions.v1", "pathline.signals.v1"])
async def test_nobody_sends_a_record_of_a_run_to_another_topic(topic: str) -> None:
    """A copy by hand, say; the refusal comes before anything is sent."""
    sender = Sender(Settings(), topic, SystemClock())
    with pytest.raises(BadInput, match=f"a record of run q1 does not go to {topic}"):
        await sender.send(b"acme", b"{}", [(HEADER, b"q1")])
    assert sender.sent == 0
    await sender.__aexit__(None, None, None)


def test_the_topics_of_a_run_are_its_own() -> None:
    settings = Settings(topic_prefix="crm.")
    assert replay_topic(settings, "q1", "signals") == "crm.replay.q1.signals.v1"
    assert replay_topic(settings, "q2", "signals") != replay_topic(settings, "q1", "signals")
