"""The cases of a partition: when each is scored, what is said of it, and what its label teaches.

Beside the engine (rules/partition.py), fed with the same records and with what the engine made of
them. A function of the log and of the models that the log names; no wall clock, no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from models.event import Event, to_ms
from models.identity import digest
from models.learned_score import Contribution, LearnedScore
from models.learners.example_record import VERSION, ExampleRecord
from models.learners.kept import keep_row
from models.learners.scorer import Loaded, Opinion, Recent, Scorer
from rules.case_accounts import CaseAccounts
from rules.case_state import VERSION as STATE_VERSION
from rules.case_state import DeskState, ScoredCase, TaskState, decode_desk, encode_desk
from rules.context import Output
from rules.lines import NO_LINES, Lines
from rules.scoring import Censored, Matured, Scored, Scoring, Told

ROWS_MAX = 64  # kept of a case; beyond that every other one goes
ACCOUNT_ROWS_MAX = 512  # kept of all cases of an account and task, likewise, of the longest case
REASONS_MAX = 5
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Desk:
    """What a partition keeps for one task: the compiled task, its models, how busy people are.

    stamp: tells what the task asks, and of which features; cases of another one are dropped.
    pending: scored cases whose label is not known yet.
    """

    def __init__(self, scoring: Scoring) -> None:
        task = scoring.task
        self.id = task.id
        self.scoring = scoring
        self.stamp = digest(task.id, task.version, scoring.features.schema.hash)[:16]
        self.workload = scoring.features.workload()
        self.scorer = Scorer(scoring.features.schema, task.minimum)
        self.dirty = False
        self.pending = 0

    def dump(self) -> bytes:
        """For the changelog, without the models."""
        recent = list(self.scorer.recent.values)
        load = self.workload.dump()
        return encode_desk(DeskState(STATE_VERSION, self.stamp, load, recent, self.pending))

    def restore(self, data: bytes) -> None:
        """The inverse; of another task, or another version of it, nothing is taken up."""
        found = decode_desk(data)
        if (found.v, found.stamp) == (STATE_VERSION, self.stamp):
            self.workload.restore(found.workload)
            self.scorer.recent = Recent(found.recent)
            self.pending = found.pending


class CaseBook:
    """place: topic and partition of the log. step: by how much a published score moves at least.

    momentum: of an account, as last published. lines: by task. scores, examples: what came out, in
    order; whoever takes them clears them.
    """

    def __init__(
        self,
        tasks: Sequence[Scoring],
        place: tuple[str, int],
        step: float,
        momentum: Callable[[str], float],
        stats: Counter[str],
    ) -> None:
        self.desks = {scoring.task.id: Desk(scoring) for scoring in tasks}
        stamps = {desk.id: desk.stamp for desk in self.desks.values()}
        self.accounts = CaseAccounts(stamps, stats)
        self.lines: Mapping[str, Lines] = {}
        self.scores: list[LearnedScore] = []
        self.examples: list[ExampleRecord] = []
        self._place = place
        self._step = step
        self._momentum = momentum
        self._stats = stats

    def advance(self, event: Event) -> None:
        """An event of an account, applied by the engine; after `hear` and `expire`."""
        id = event.subject
        states = self.accounts.find(id) or {}
        for desk in self.desks.values():
            state = states.get(desk.id) or TaskState(desk.stamp)
            had_cases = bool(state.account.cases)
            momentum = self._momentum(id) if desk.scoring.task.features.momentum else 0.0
            told = desk.scoring.advance(id, state.account, event, desk.workload, momentum=momentum)
            if had_cases or state.account.cases:  # else the event says nothing to this task
                self._tell(id, desk, state, told, event.offset)
                states[desk.id] = state
                desk.dirty = True
                self.accounts.changed(id, states)

    def hear(self, outputs: Iterable[Output], clock: int) -> None:
        """What the engine has just said, of any account: some labels are alerts of ours."""
        for _, alert in outputs:
            self.expire(min(to_ms(alert.occurred_at), clock))
            states = self.accounts.find(alert.account) or {}
            for task, state in states.items():
                if told := self.desks[task].scoring.hear(state.account, alert):
                    self._tell(alert.account, self.desks[task], state, told)
                    self.accounts.changed(alert.account, states)

    def expire(self, clock: int) -> None:
        """Cases whose horizon the clock has reached are over, the earliest first."""
        while found := self.accounts.pop_due(clock):
            due, id = found
            states = self.accounts.find(id) or {}
            for task, state in states.items():
                told = self.desks[task].scoring.expire(state.account, due)
                self._tell(id, self.desks[task], state, told)
            self.accounts.changed(id, states)

    def forget(self, id: str) -> bool:
        """All cases of an account, as if they had never been. Whether there were any."""
        for task, state in (self.accounts.find(id) or {}).items():
            self.desks[task].pending -= len(state.scored)
            self.desks[task].dirty = True
        return self.accounts.forget(id)

    def activate(self, task: str, loaded: Loaded | None, *, shadow: bool) -> None:
        """A model takes over from here on; None: there is none in this place any more."""
        if desk := self.desks.get(task):
            setattr(desk.scorer, "shadow" if shadow else "champion", loaded)

    def _tell(
        self, id: str, desk: Desk, state: TaskState, told: Iterable[Told], offset: int = -1
    ) -> None:
        for each in told:
            match each:
                case Scored():
                    self._score(id, desk, state, each, offset)
                case Matured(name, label, at):
                    self._mature(desk, name, self._pop(desk, state, name), label, at)
                case Censored(name, reason):
                    self._pop(desk, state, name)
                    self._stats[f"score_case_{reason}"] += 1

    def _pop(self, desk: Desk, state: TaskState, name: str) -> ScoredCase | None:
        """A case is over."""
        case = state.scored.pop(name, None)
        if case is not None:
            desk.pending -= 1
            desk.dirty = True
        return case

    def _mature(self, desk: Desk, name: str, case: ScoredCase | None, label: int, at: int) -> None:
        if case is None or not case.rows:
            self._stats["score_case_unscored"] += 1
            return
        schema = desk.scorer.schema.hash
        self._stats["score_case_matured"] += 1
        self.examples.append(
            ExampleRecord(VERSION, desk.id, name, schema, case.since, label, at, tuple(case.rows))
        )

    def _score(self, id: str, desk: Desk, state: TaskState, moment: Scored, offset: int) -> None:
        opinion = desk.scorer.score(moment.row)
        name = moment.row.case
        case = state.scored.get(name)
        if case is None:
            case = state.scored[name] = ScoredCase(moment.since)
            desk.pending += 1
        case.rows.append(keep_row(opinion.row, opinion.said))
        self._bound(state, case)
        self._stats["scored"] += 1
        percentile = None
        if opinion.value is not None:
            percentile = desk.scorer.recent.rank(opinion.value)
            desk.scorer.recent.add(opinion.value)
        if self._is_news(desk.id, case, opinion.value):
            case.told, case.value = True, opinion.value
            self._publish(id, desk, opinion, percentile, offset)

    def _is_news(self, task: str, case: ScoredCase, value: float | None) -> bool:
        was = case.value
        if not case.told or value is None or was is None:
            return not case.told or (value is None) != (was is None)
        lines = self.lines.get(task, NO_LINES)
        return abs(value - was) >= self._step or lines.is_crossed(was, value)

    def _publish(
        self, id: str, desk: Desk, opinion: Opinion, percentile: float | None, offset: int
    ) -> None:
        """The champion's, and the shadow's beside it."""
        scorer = desk.scorer
        self._write(id, desk, opinion, opinion.value, scorer.champion, offset, percentile)
        for said in opinion.said:
            if said.shadow:
                self._write(id, desk, opinion, said.value, scorer.shadow, offset, None, shadow=True)

    def _write(
        self,
        id: str,
        desk: Desk,
        opinion: Opinion,
        value: float | None,
        loaded: Loaded | None,
        offset: int,
        percentile: float | None,
        *,
        shadow: bool = False,
    ) -> None:
        row = opinion.row
        reasons: tuple[Contribution, ...] = ()
        if loaded is not None and value is not None:
            told = loaded.model.learner.reasons(row, REASONS_MAX)
            reasons = tuple(Contribution(feature, amount) for feature, amount in told)
        model = loaded.name if loaded else None
        self.scores.append(
            LearnedScore(
                score_id=digest("score", desk.id, row.case, *self._place, offset, model),
                account=id,
                task=desk.id,
                case=row.case,
                value=value,
                percentile=percentile,
                reasons=reasons,
                model=model,
                version=loaded.version if loaded else None,
                shadow=shadow,
                why=opinion.why,
                occurred_at=EPOCH + timedelta(milliseconds=row.moment),
            )
        )

    def _bound(self, state: TaskState, case: ScoredCase) -> None:
        """So that an account stays small. What is thinned stays evenly spread."""
        if len(case.rows) > ROWS_MAX:
            del case.rows[1::2]
            self._stats["score_rows_thinned"] += 1
        kept = sum(len(each.rows) for each in state.scored.values())
        if kept > ACCOUNT_ROWS_MAX:
            longest = max(state.scored.values(), key=lambda each: len(each.rows))
            del longest.rows[1::2]
            self._stats["score_rows_thinned"] += 1
