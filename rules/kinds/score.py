"""`score`: a learned score crosses a line. Scores come as events of the account, like all else.

docs/semantics.md, "score".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.account import Account
from models.calendar import Calendar
from models.case import Peak, ScoreCase
from models.event import Event
from rules.cel.values import to_double
from rules.context import Context
from rules.grammar import Trigger
from rules.grammar_signals import ScoreRule
from rules.kinds.past import GRAINS
from rules.kinds.standing import StandingRule
from rules.roles import SCORE_TYPE
from rules.threshold import compile_threshold, parse_drop


class CompiledScore(StandingRule[ScoreRule]):
    """A compiled `score` rule."""

    def __init__(self, form: ScoreRule, set_digest: str) -> None:
        super().__init__(form, ("score",), (Trigger(type=SCORE_TYPE),), set_digest)
        when = form.when
        self.value = compile_threshold(when.value) if when.value else None
        self.drop, self.span = None, 0
        if when.drop:
            drop, span = parse_drop(when.drop)
            self.drop, self.span = compile_threshold(drop), span.amount
        self.grain = max(1, self.span // GRAINS)

    def advance(self, account: Account, event: Event, context: Context) -> None:
        """A score that is older than the newest (by event time) changes nothing."""
        found: Any = event.data.get("value")
        if event.data.get("task") != self.form.task or type(found) not in (int, float):
            return
        value = to_double(found)
        key = self.reader.key(event)
        if key is None:
            return
        name, case = self.find(account, key)
        assert case is None or isinstance(case, ScoreCase), "another kind loses its cases"
        if case is None:
            case = ScoreCase(key, event.at)
            self.begin(account, name, case, context)
        elif event.at < case.newest:
            return
        case.newest = event.at
        holds = self.value is None or self.value(value)
        if self.drop is not None:
            holds = self.drop(self._highest(case, value) - value) and holds
        mark = self.reader.mark(event, 0, event.at)
        self.settle(account, case, holds, event.at, context, [mark], mark, value)

    def _highest(self, case: ScoreCase, value: float) -> float:
        """Of the scores of the span that ends with this one, which it is added to."""
        now, peaks = case.newest, case.peaks
        while peaks and now - peaks[0].at >= self.span:
            del peaks[0]
        at = now - now % self.grain
        if peaks and peaks[-1].at == at:
            peaks[-1].value = max(peaks[-1].value, value)
        else:
            peaks.append(Peak(at, value))
        return max(peak.value for peak in peaks)


def compile_score(
    form: ScoreRule, calendars: Mapping[str, Calendar], set_digest: str
) -> CompiledScore:
    """A score counts wall time only."""
    return CompiledScore(form, set_digest)
