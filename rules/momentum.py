"""Momentum: what an account's rules have seen, weighed, and fading with time.

Beside the kinds: hears the hits of all active rules with a weight. docs/semantics.md, "Momentum".
The weight's value and its stage equivalence are two scales, two figures, and never added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import NamedTuple

from models.account import Account
from models.case import Case, MomentumCase, Weighed
from models.event import Event
from models.identity import digest
from models.score import Reason, Score
from rules.context import Context, Heard
from rules.grammar import RuleForm

ID = ":momentum"  # no rule is called so
GRAIN_MS = 3_600_000  # fading is looked at on the whole hour
HALVES_MAX = 64  # half-lives after which nothing is left
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VALUE = ""  # the figure beside those of the stages


class Term(NamedTuple):
    """amount at `at` (ms), half of it after half_ms; 0: for ever."""

    at: int
    amount: float
    half_ms: int

    def left(self, now: int) -> float:
        """What is left of it.

        >>> Term(0, 0.8, 1000).left(2000)
        0.2
        """
        age = max(0, now - self.at)
        return self.amount * 2.0 ** (-age / self.half_ms) if self.half_ms else self.amount


class Ends(NamedTuple):
    """At an end of a span of time: the sums of the positive and of the negative terms."""

    up: float
    down: float


class Momentum:
    """forms: the rules of the set that run."""

    types: frozenset[str] = frozenset()
    feeds: frozenset[tuple[str, int]] = frozenset()
    id = ID

    def __init__(self, forms: Iterable[RuleForm], set_digest: str) -> None:
        self.weights = {f.id: f.weight for f in forms if f.weight and f.status == "active"}
        self.digest = set_digest

    def hear(self, account: Account, heard: Sequence[Heard], context: Context) -> None:
        """Hits come in, retracted ones leave."""
        own = [one for one in heard if one.hit.rule in self.weights]
        if not own:
            return
        cases = account.cases.setdefault(ID, {})
        case = cases.setdefault("", MomentumCase())
        assert isinstance(case, MomentumCase)
        for hit, _, retracted in own:
            case.hits = [old for old in case.hits if old.fingerprint != hit.fingerprint]
            if not retracted:
                case.hits.append(Weighed(hit.at, hit.rule, hit.fingerprint))
        if len(case.hits) > context.limits.hits:
            del case.hits[: -context.limits.hits]
            context.stats["evicted:weight"] += 1
        now = max(case.looked, context.clock, *(one.hit.at for one in own))
        self._look(account, case, now, context)

    def expire(self, account: Account, name: str, case: Case, context: Context) -> None:
        """A figure has faded by more than the step."""
        assert isinstance(case, MomentumCase)
        self._look(account, case, case.due, context)

    def _look(self, account: Account, case: MomentumCase, now: int, context: Context) -> None:
        case.looked = now
        case.hits = [hit for hit in case.hits if self._is_left(hit, now)]
        terms = self._terms(case.hits)
        figures = {name: fsum(t.left(now) for t in own) for name, own in terms.items()}
        step = context.limits.momentum_step
        names = {*figures, *case.said}
        if any(abs(figures.get(n, 0.0) - case.said.get(n, 0.0)) > step for n in names):
            case.said = figures
            context.scores.append(self._score(account.id, case.hits, figures, now))
        dues = [first_move(own, case.said.get(name, 0.0), step, now) for name, own in terms.items()]
        case.due = min((due for due in dues if due), default=0)
        if case.due:
            context.schedule(case.due, account.id, ID, "")

    def _is_left(self, hit: Weighed, now: int) -> bool:
        weight = self.weights.get(hit.rule)
        if weight is None:
            return False
        half = weight.half_life
        return half is None or now - hit.at < HALVES_MAX * half.amount

    def _terms(self, hits: Iterable[Weighed]) -> dict[str, list[Term]]:
        """By figure: the value, and each stage."""
        terms: dict[str, list[Term]] = {VALUE: []}
        for hit in hits:
            weight = self.weights[hit.rule]
            half = weight.half_life.amount if weight.half_life else 0
            terms[VALUE].append(Term(hit.at, weight.value, half))
            if stage := weight.stage_equivalence:
                terms.setdefault(stage.stage, []).append(Term(hit.at, stage.ratio, half))
        return terms

    def _score(
        self, account: str, hits: list[Weighed], figures: Mapping[str, float], now: int
    ) -> Score:
        rules = sorted({hit.rule for hit in hits})
        reasons = [
            Reason(
                id, fsum(t.left(now) for t in self._terms(h for h in hits if h.rule == id)[VALUE])
            )
            for id in rules
        ]
        stages = {name: figure for name, figure in figures.items() if name != VALUE}
        return Score(
            score_id=digest("momentum", account, now, figures[VALUE], *sorted(stages.items())),
            account=account,
            task="momentum",
            value=figures[VALUE],
            stages=stages,
            reasons=tuple(reasons),
            rules_digest=self.digest,
            occurred_at=EPOCH + timedelta(milliseconds=now),
        )

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """It reads no events."""
        raise AssertionError("momentum hears hits")

    def renew(self, account: Account, name: str, case: Case, context: Context) -> None:
        """Another set's weights count from the next look on."""

    def sweep(self, account: Account, context: Context) -> None:
        """Forget an account of which nothing is left, and nothing is said."""
        case = account.cases[ID][""]
        assert isinstance(case, MomentumCase)
        if not any(self._is_left(hit, context.clock) for hit in case.hits) and not case.due:
            del account.cases[ID][""]

    def close(self, account: Account, name: str, case: Case, context: Context) -> None:
        """It stays when rules change."""


def first_move(terms: Sequence[Term], said: float, step: float, now: int) -> int | None:
    """The first whole hour (ms) after now at which the sum is more than a step from what was said.

    The positive and the negative terms each fall towards 0, so the sum over a span of time lies
    between bounds that its ends give; spans within the step are left out whole.

    >>> first_move([Term(0, 1.0, 3_600_000)], 1.0, 0.6, 0)
    7200000
    """
    up = [term for term in terms if term.amount > 0]
    down = [term for term in terms if term.amount < 0]

    def sums(hour: int) -> Ends:
        at = hour * GRAIN_MS
        return Ends(fsum([term.left(at) for term in up]), fsum([term.left(at) for term in down]))

    def search(first: int, a: Ends, last: int, b: Ends) -> int | None:
        """The first hour in (first, last]; a, b: the sums there."""
        if said - step <= b.up + a.down and a.up + b.down <= said + step:
            return None
        if last == first + 1:
            total = fsum(term.left(last * GRAIN_MS) for term in terms)
            return last if abs(total - said) > step else None
        middle = (first + last) // 2
        between = sums(middle)
        found = search(first, a, middle, between)
        return found if found is not None else search(middle, between, last, b)

    if not terms:
        return None
    reach = max(HALVES_MAX * term.half_ms + term.at - now for term in terms)
    hour = now // GRAIN_MS
    last = hour + max(1, reach // GRAIN_MS + 1)
    found = search(hour, sums(hour), last, sums(last))
    return None if found is None else found * GRAIN_MS
