"""Announces alerts and scores: what the engine says as the records that the world reads.

Every alert goes to the topic of its kind, keyed by account, and to the compacted topic that holds
the latest state by fingerprint; alerts of shadow rules to their own topic only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from msgspec.structs import replace

from models.alert import encode_alert
from models.event import to_ms
from models.score import Score, encode_score
from rules.context import Output
from rules.herald import SHADOW_TOPIC
from streams.job import Out
from streams.replay_guard import refuse_said

CONTENT_TYPE = ("content-type", b"application/json")


class Announcer:
    """topics: full names by short name. state_topic: of the latest states; scores_topic: of scores.

    lateness_ms: by so much the clock runs behind; a deadline can be told no sooner.
    """

    def __init__(
        self, topics: Mapping[str, str], state_topic: str, scores_topic: str, lateness_ms: int
    ) -> None:
        self._topics = topics
        self._state_topic = state_topic
        self._scores_topic = scores_topic
        self._lateness_ms = lateness_ms

    def announce(self, outputs: Iterable[tuple[Output, int | None]], now_ms: int) -> list[Out]:
        """outputs: each with the append time, ms, of the record that caused it; None: the clock.

        now_ms: `emitted_at`; a replay repeats everything but this.
        """
        emitted_at = datetime.fromtimestamp(now_ms / 1000, UTC)
        outs: list[Out] = []
        for (topic, decided), since in outputs:
            refuse_said(decided.replay)
            alert = replace(decided, emitted_at=emitted_at)
            value = encode_alert(alert)
            headers = [("alert_id", alert.alert_id.encode()), CONTENT_TYPE]
            if since is None:
                since = to_ms(alert.occurred_at) + self._lateness_ms
            key = alert.account.encode()
            outs.append(Out(self._topics[topic], key, value, headers, since=since))
            if topic != SHADOW_TOPIC:
                outs.append(Out(self._state_topic, alert.fingerprint.encode(), value, headers))
        return outs

    def announce_scores(self, scores: Iterable[Score], now_ms: int) -> list[Out]:
        """Keyed by account. now_ms: `emitted_at`."""
        emitted_at = datetime.fromtimestamp(now_ms / 1000, UTC)
        scores = list(scores)
        for score in scores:
            refuse_said(score.replay)
        return [
            Out(
                self._scores_topic,
                score.account.encode(),
                encode_score(replace(score, emitted_at=emitted_at)),
                [("score_id", score.score_id.encode()), CONTENT_TYPE],
            )
            for score in scores
        ]
