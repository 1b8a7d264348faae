"""What an account remembers for one rule and key: marks and episodes, or runs. Plain state.

The meaning is docs/semantics.md; `rules/kinds/` moves it. Arrays on disk: only append fields.
"""

from __future__ import annotations

from typing import Any

import msgspec

from models.alert import Alert

UNTOLD = -1


class Mark(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An event as one rule sees it.

    at: the instant at which it counts, ms (`eff`). role: index into the kind's roles or steps,
    which tells the type. offset, source, id: of the event. late: `at` less the event's time, ms.
    zone: IANA name or ±HH:MM, where the rule asks. values: the fields that its sentence shows.
    """

    at: int
    offset: int
    role: int
    source: str
    id: str
    late: int = 0
    zone: str | None = None
    values: tuple[Any, ...] = ()

    @property
    def time(self) -> int:
        """The event's own time, ms."""
        return self.at - self.late


class Episode(msgspec.Struct, array_like=True):
    """One start and its answer. A mark that changes it makes a copy: readings share episodes.

    segments: ms, alternating instants at which its clock runs and stops: [start, pause, resume …].
    goal: ms of wall time or s of business time; 0: the calendar does not reach.
    due: ms; None while it cannot be told (paused, no goal).
    running: a new start would supersede it. opens: ms, before which `on_day` takes no answer.
    coming: when the clock has to look at it next, ms; 0: never again, UNTOLD: not looked at yet.
    """

    start: Mark
    segments: list[int]
    goal: int
    due: int | None
    running: bool = True
    opens: int = 0
    end: Mark | None = None
    superseded: bool = False
    coming: int = UNTOLD


class Published(msgspec.Struct, array_like=True):
    """What was said about an episode: indices of its steps, and whether it is closed."""

    steps: list[int] = []
    fired: bool = False
    closed: bool = False


class Beside:
    """What a case keeps beside its fields: never written, never compared."""

    __slots__ = ("tip",)
    tip: list[Episode]


class EpisodeCase(Beside, msgspec.Struct, array_like=True, tag=0):
    """An instance of an `sla` or `absence` rule.

    base: episodes after all marks up to the horizon. marks: the later ones, by (at, offset).
    published: by the offset of the episode's start. due: next instant for the clock, ms; 0: none.
    held: the earliest instant that a stale feed holds back, ms; 0: none. tip: the live
    episodes after all marks; missing in a case that comes from its bytes.
    """

    key: dict[str, Any]
    base: list[Episode] = []
    marks: list[Mark] = []
    published: dict[int, Published] = {}
    due: int = 0
    held: int = 0


class Run(msgspec.Struct, array_like=True):
    """A partial match. index: the account's count of applied events at its last step."""

    steps: list[Mark]
    index: int
    limit: int


class RunCase(msgspec.Struct, array_like=True, tag=1):
    """An instance of a `sequence` rule: its partial matches, oldest first."""

    key: dict[str, Any]
    runs: list[Run] = []


class Fact(msgspec.Struct, array_like=True, frozen=True):
    """What one side of a `mismatch` rule last said, by the event's time."""

    mark: Mark
    value: Any


class PairCase(msgspec.Struct, array_like=True, tag=2):
    """An instance of a `mismatch` rule. facts: left, right. opened: the two that disagree."""

    key: dict[str, Any]
    facts: list[Fact | None] = msgspec.field(default_factory=lambda: [None, None])
    opened: list[Mark] = []


class Sample(msgspec.Struct, array_like=True):
    """What a `change` rule measured of some events. at: ms, where they count.

    total, size: what they add to the numerator and the denominator of its figure.
    """

    at: int
    events: int = 0
    total: float = 0.0
    size: int = 0


class ChangeCase(msgspec.Struct, array_like=True, tag=3):
    """An instance of a `change` rule. samples: by `at`. since: where its past begins, ms.

    looked: the instant of the last look, ms. due: of the next one by the clock, 0: none.
    """

    key: dict[str, Any]
    samples: list[Sample]
    since: int
    looked: int
    opened: list[Mark] = []
    due: int = 0


class Peak(msgspec.Struct, array_like=True):
    """The highest score of a grain of time; at: where that begins, ms."""

    at: int
    value: float


class ScoreCase(msgspec.Struct, array_like=True, tag=4):
    """An instance of a `score` rule. newest: time of its last score, ms. peaks: by `at`."""

    key: dict[str, Any]
    newest: int
    peaks: list[Peak] = []
    opened: list[Mark] = []


class Hit(msgspec.Struct, array_like=True, frozen=True):
    """That a rule fired. at: when, ms. fingerprint: of its alert. type: of the mark's event."""

    at: int
    rule: str
    fingerprint: str
    type: str
    mark: Mark


class CompositeCase(msgspec.Struct, array_like=True, tag=5):
    """An instance of a `composite` rule. hits: as they came. opened: those that it fired on.

    looked: the instant of the last look, ms. due: of the next one by the clock, 0: none.
    """

    key: dict[str, Any]
    hits: list[Hit] = []
    opened: list[Hit] = []
    looked: int = 0
    due: int = 0


class Repeat(msgspec.Struct, array_like=True):
    """A firing alert that is said again. count: of the next time, due: when that is, ms."""

    topic: str
    alert: Alert
    count: int
    due: int


class SuppressionCase(msgspec.Struct, array_like=True, tag=6):
    """What holds back, or repeats, the alerts of one rule and group. All by fingerprint.

    last, since: the last announced alert and when it began, ms; none: empty. told: announced and
    not ended. quiet: held back and not ended. due: of the next repetition, ms; 0: none.
    """

    last: str = ""
    since: int = 0
    told: list[str] = []
    quiet: list[str] = []
    repeats: list[Repeat] = []
    due: int = 0


class Weighed(msgspec.Struct, array_like=True, frozen=True):
    """A hit of a rule with a weight. at: when, ms."""

    at: int
    rule: str
    fingerprint: str


class MomentumCase(msgspec.Struct, array_like=True, tag=7):
    """An account's momentum. said: the figures last published, those of stages by name.

    looked: the instant of the last look, ms. due: of the next one by the clock, 0: none.
    """

    hits: list[Weighed] = []
    said: dict[str, float] = {}
    looked: int = 0
    due: int = 0


Case = (
    EpisodeCase
    | RunCase
    | PairCase
    | ChangeCase
    | ScoreCase
    | CompositeCase
    | SuppressionCase
    | MomentumCase
)
